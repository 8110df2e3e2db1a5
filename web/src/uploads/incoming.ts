/** What a drop or paste brought. */
export interface Incoming {
  readonly files: readonly File[];
  /** Why there are no files, or not all of them. */
  readonly hint?: string;
}

const NOTHING = 'That holds no files. Drop pictures from a folder, or choose them.';
const FROM_PAGE =
  'Pictures of other pages can’t be dropped here. Save the picture first, then drop the file.';
const OFFICE_TEXT = 'That is text. To upload a picture from a document, copy only the picture.';
const EMPTY_FOLDER = 'The folder is empty.';
const TOO_MANY = 'Only the first 2,000 files of the folder were added.';

/** The most files taken from folders. Someone may drop a whole disk. */
const MAX_FILES = 2_000;

/** Reads the files of a drop, also those within folders. Must be called within the event. */
export async function droppedFiles(data: DataTransfer | null): Promise<Incoming> {
  if (data === null) return { files: [], hint: NOTHING };
  // The entries are gone after the event, so they are taken before anything is awaited.
  const entries = Array.from(data.items)
    .filter(({ kind }) => kind === 'file')
    .map((item) => item.webkitGetAsEntry());
  const plain = Array.from(data.files);
  const links = data.types.includes('text/uri-list') || data.types.includes('text/html');
  const folders = entries.filter((entry) => entry?.isDirectory === true);

  if (folders.length === 0) {
    if (plain.length > 0) return { files: plain };
    return { files: [], hint: links ? FROM_PAGE : NOTHING };
  }
  // A folder also appears in `files`, as a file that can't be read.
  const files: File[] = [];
  for (const entry of entries) {
    if (entry !== null) await walk(entry, files);
  }
  if (files.length === 0) return { files, hint: EMPTY_FOLDER };
  return files.length < MAX_FILES ? { files } : { files, hint: TOO_MANY };
}

async function walk(entry: FileSystemEntry, files: File[]): Promise<void> {
  if (files.length >= MAX_FILES || isHidden(entry.name)) return;
  if (isFile(entry)) {
    const file = await new Promise<File | undefined>((resolve) =>
      entry.file(resolve, () => resolve(undefined)),
    );
    if (file !== undefined) files.push(file);
  } else if (isDirectory(entry)) {
    const reader = entry.createReader();
    // A call returns up to a hundred entries; the last one none.
    for (;;) {
      const batch = await new Promise<readonly FileSystemEntry[]>((resolve) =>
        reader.readEntries(resolve, () => resolve([])),
      );
      if (batch.length === 0) return;
      for (const child of batch) await walk(child, files);
    }
  }
}

const isFile = (entry: FileSystemEntry): entry is FileSystemFileEntry => entry.isFile;
const isDirectory = (entry: FileSystemEntry): entry is FileSystemDirectoryEntry =>
  entry.isDirectory;

/** Files that systems add to folders, such as `.DS_Store` and `Thumbs.db`. */
const isHidden = (name: string) =>
  name.startsWith('.') || /^(thumbs\.db|desktop\.ini)$/i.test(name);

/** Reads the files of a paste. Returns undefined if the paste concerns only the page's fields. */
export function pastedFiles({ target, clipboardData }: ClipboardEvent): Incoming | undefined {
  const files = Array.from(clipboardData?.files ?? []);
  if (files.length === 0) return undefined;
  const has = (type: string) => clipboardData?.types.includes(type) ?? false;
  // Office programs add a picture of the copied text. A copied picture has no plain text, and a
  // copied file has its name, but no formatted text.
  const isText = has('text/plain') && (has('text/html') || has('text/rtf'));
  if (isText) return isField(target) ? undefined : { files: [], hint: OFFICE_TEXT };
  return { files: files.map(renamePasted) };
}

const isField = (target: EventTarget | null) =>
  target instanceof HTMLInputElement ||
  target instanceof HTMLTextAreaElement ||
  (target instanceof HTMLElement && target.isContentEditable);

/** Gives a pasted picture a better name: browsers always call it `image.png`. */
function renamePasted(file: File): File {
  return file.name === 'image.png'
    ? new File([file], 'Pasted picture.png', { type: file.type })
    : file;
}
