const FOLDER = 'downloads';

/** How long a finished archive is kept. The browser copies it meanwhile. */
const KEPT_MS = 60 * 60_000;

/**
 * Saves a stream as a download. Where the browser has a private file system, the bytes are written
 * there first, so that they don't have to fit into the memory.
 */
export async function saveStream(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  name: string,
  type: string,
): Promise<void> {
  const folder = await privateFolder();
  const blob =
    folder === undefined
      ? await new Response(stream, { headers: { 'content-type': type } }).blob()
      : await writeTo(folder, stream);
  saveBlob(blob.slice(0, blob.size, type), name);
}

/** Saves a blob as a download. */
export function saveBlob(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), KEPT_MS);
}

/** The folder for archives, without those of earlier downloads. */
async function privateFolder(): Promise<FileSystemDirectoryHandle | undefined> {
  try {
    const root = await navigator.storage.getDirectory();
    const folder = await root.getDirectoryHandle(FOLDER, { create: true });
    for await (const [name, handle] of folder.entries()) {
      const old = handle.kind === 'file' && Date.now() - Number.parseInt(name, 10) > KEPT_MS;
      if (old) await folder.removeEntry(name);
    }
    return 'createWritable' in FileSystemFileHandle.prototype ? folder : undefined;
  } catch {
    // Plain-http addresses and some private windows have none.
    return undefined;
  }
}

async function writeTo(
  folder: FileSystemDirectoryHandle,
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): Promise<Blob> {
  const name = `${Date.now()}-${Math.random().toString(36).slice(2)}.zip`;
  const handle = await folder.getFileHandle(name, { create: true });
  try {
    await stream.pipeTo(await handle.createWritable());
    return await handle.getFile();
  } catch (error) {
    await folder.removeEntry(name);
    throw error;
  }
}
