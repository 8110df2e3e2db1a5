import { fetchNewest, type PictureInfo } from './requests';

type Links = PictureInfo['links'];

/** Links work for some minutes. */
const FRESH_MS = 4 * 60_000;

let newest:
  { readonly at: number; readonly links: Promise<ReadonlyMap<string, Links>> } | undefined;

/**
 * Returns links of a picture if it is among the newest uploads, whose links come with a single call.
 * For others the picture has to be asked for.
 */
export async function linksOfNewest(id: string): Promise<Links | undefined> {
  if (newest === undefined || Date.now() - newest.at > FRESH_MS) {
    const links = fetchNewest().then(
      (pictures) => new Map(pictures.map(({ id, links }) => [id, links])),
    );
    newest = { at: Date.now(), links };
    links.catch(() => (newest = undefined));
  }
  const links = await newest.links.catch(() => undefined);
  return links?.get(id);
}

/** Forgets all links: the session ends, or pictures were added. */
export function forgetLinks(): void {
  newest = undefined;
}
