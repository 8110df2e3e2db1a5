import { useEffect, useState } from 'react';
import { openUploads } from './uploads';

const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false;

/** Gives a pasted picture a better name: browsers always call it `image.png`. */
function renamePasted(file: File): File {
  return file.name === 'image.png'
    ? new File([file], 'Pasted picture.png', { type: file.type })
    : file;
}

/** Whether a paste is text for a field. Office documents add a picture of the text. */
const isTextForField = ({ target, clipboardData }: ClipboardEvent) =>
  target instanceof HTMLInputElement && (clipboardData?.types.includes('text/plain') ?? false);

/**
 * Opens the upload dialog for files dropped or pasted anywhere on the page. Returns whether files
 * are being dragged over the page.
 */
export function useIncomingFiles(): boolean {
  const [dragging, setDragging] = useState(false);

  useEffect(() => {
    // `dragenter` of a child fires before `dragleave` of its parent, so the nesting is counted.
    let depth = 0;
    const enter = (event: DragEvent) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      depth += 1;
      setDragging(true);
    };
    const over = (event: DragEvent) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      if (event.dataTransfer !== null) event.dataTransfer.dropEffect = 'copy';
    };
    const leave = () => {
      depth = Math.max(0, depth - 1);
      if (depth === 0) setDragging(false);
    };
    const drop = (event: DragEvent) => {
      depth = 0;
      setDragging(false);
      if (!hasFiles(event)) return;
      event.preventDefault();
      const files = Array.from(event.dataTransfer?.files ?? []);
      if (files.length > 0) openUploads(files);
    };
    const paste = (event: ClipboardEvent) => {
      const files = Array.from(event.clipboardData?.files ?? []);
      if (files.length === 0 || isTextForField(event)) return;
      event.preventDefault();
      openUploads(files.map(renamePasted));
    };
    addEventListener('dragenter', enter);
    addEventListener('dragover', over);
    addEventListener('dragleave', leave);
    addEventListener('drop', drop);
    addEventListener('paste', paste);
    return () => {
      removeEventListener('dragenter', enter);
      removeEventListener('dragover', over);
      removeEventListener('dragleave', leave);
      removeEventListener('drop', drop);
      removeEventListener('paste', paste);
    };
  }, []);

  return dragging;
}
