import { expect, it } from 'vitest';
import { droppedFiles, pastedFiles } from './incoming';

const file = (name: string) => new File(['x'], name);

type Tree = File | { readonly name: string; readonly children: readonly Tree[] };

function entryOf(tree: Tree): FileSystemEntry {
  if (tree instanceof File) {
    return {
      name: tree.name,
      isFile: true,
      isDirectory: false,
      file: (done: (file: File) => void) => done(tree),
    } as unknown as FileSystemEntry;
  }
  return {
    name: tree.name,
    isFile: false,
    isDirectory: true,
    createReader: () => {
      const left = tree.children.map(entryOf);
      return {
        // Browsers return at most a hundred entries at a time.
        readEntries: (done: (batch: FileSystemEntry[]) => void) => done(left.splice(0, 100)),
      };
    },
  } as unknown as FileSystemEntry;
}

function dropOf(trees: readonly Tree[], types: readonly string[] = ['Files']): DataTransfer {
  return {
    types,
    files: trees.map((tree) => (tree instanceof File ? tree : file(tree.name))),
    items: trees.map((tree) => ({ kind: 'file', webkitGetAsEntry: () => entryOf(tree) })),
  } as unknown as DataTransfer;
}

const namesOf = (files: readonly File[]) => files.map(({ name }) => name);

it('takes the files of a drop', async () => {
  const { files, hint } = await droppedFiles(dropOf([file('a.png'), file('b.png')]));
  expect(namesOf(files)).toEqual(['a.png', 'b.png']);
  expect(hint).toBeUndefined();
});

it('walks through folders and skips what systems put there', async () => {
  const many = Array.from({ length: 250 }, (_, i) => file(`${i}.png`));
  const { files, hint } = await droppedFiles(
    dropOf([
      file('first.png'),
      {
        name: 'Holiday',
        children: [file('.DS_Store'), file('Thumbs.db'), { name: 'Day 1', children: many }],
      },
    ]),
  );
  expect(files).toHaveLength(251);
  expect(files[0]?.name).toBe('first.png');
  expect(hint).toBeUndefined();
});

it('explains an empty drop, an empty folder and a picture of another page', async () => {
  expect((await droppedFiles(dropOf([]))).hint).toMatch(/holds no files/);
  expect(await droppedFiles(dropOf([{ name: 'Empty', children: [] }]))).toMatchObject({
    hint: 'The folder is empty.',
  });
  const dragged = await droppedFiles(dropOf([], ['text/uri-list', 'text/html']));
  expect(dragged.hint).toMatch(/Save the picture first/);
  // Chromium offers the picture itself as well.
  const offered = dropOf([file('photo.jpg')], ['text/uri-list', 'text/html', 'Files']);
  expect(namesOf((await droppedFiles(offered)).files)).toEqual(['photo.jpg']);
});

it('takes at most 2,000 files from folders', async () => {
  const children = Array.from({ length: 2_100 }, (_, i) => file(`${i}.png`));
  const { files, hint } = await droppedFiles(dropOf([{ name: 'Disk', children }]));
  expect(files).toHaveLength(2_000);
  expect(hint).toMatch(/first 2,000/);
});

function pasteOf(types: readonly string[], files: readonly File[], target: EventTarget) {
  return { target, clipboardData: { types, files } } as unknown as ClipboardEvent;
}

it('takes pasted pictures and copied files', () => {
  const picture = pasteOf(['text/html', 'Files'], [file('image.png')], document.body);
  expect(namesOf(pastedFiles(picture)?.files ?? [])).toEqual(['Pasted picture.png']);
  const copied = pasteOf(['text/plain', 'Files'], [file('harbour.jpg')], document.body);
  expect(namesOf(pastedFiles(copied)?.files ?? [])).toEqual(['harbour.jpg']);
});

it('leaves the text of office programs to fields, and explains it elsewhere', () => {
  const types = ['text/plain', 'text/html', 'text/rtf', 'Files'];
  const input = document.createElement('input');
  expect(pastedFiles(pasteOf(types, [file('image.png')], input))).toBeUndefined();
  const elsewhere = pastedFiles(pasteOf(types, [file('image.png')], document.body));
  expect(elsewhere?.files).toEqual([]);
  expect(elsewhere?.hint).toMatch(/That is text/);
  expect(pastedFiles(pasteOf(['text/plain'], [], document.body))).toBeUndefined();
});
