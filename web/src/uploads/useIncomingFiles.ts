import { useEffect, useState } from 'react';
import { openUploads } from './uploads';

const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false;

/** A picture from the clipboard is always called `image.png`: no title that helps anyone. */
function named(file: File): File {
  return file.name === 'image.png'
    ? new File([file], 'Pasted picture.png', { type: file.type })
    : file;
}

/** Words for a field, though a picture of them comes along, as from an office document. */
const isForField = ({ target, clipboardData }: ClipboardEvent) =>
  target instanceof HTMLInputElement && (clipboardData?.types.includes('text/plain') ?? false);

/**
 * Takes files that are dropped or pasted anywhere on the page. Answers whether files are being
 * dragged over it right now.
 */
export function useIncomingFiles(): boolean {
  const [dragging, setDragging] = useState(false);

  useEffect(() => {
    // Entering a child comes before leaving its parent: only the count says where the edge is.
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
      if (files.length === 0 || isForField(event)) return;
      event.preventDefault();
      openUploads(files.map(named));
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
