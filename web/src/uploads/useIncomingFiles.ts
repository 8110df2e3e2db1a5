import { useEffect, useState } from 'react';
import { notify } from '../ui/notices';
import { droppedFiles, type Incoming, pastedFiles } from './incoming';
import { uploads } from './uploads';

/** Whether something is dragged that might hold pictures: files, or a picture of another page. */
const isPromising = ({ dataTransfer }: DragEvent) =>
  dataTransfer?.types.some((type) => type === 'Files' || type === 'text/uri-list') ?? false;

/** Elements of the page itself, such as links, can be dragged too. */
let startedHere = false;

function receive({ files, hint }: Incoming): void {
  if (files.length > 0) uploads.add(files);
  if (hint !== undefined) notify(hint, { severity: 'info' });
}

/**
 * Uploads files dropped or pasted anywhere on the page. Returns whether something is being dragged
 * over the page.
 */
export function useIncomingFiles(): boolean {
  const [dragging, setDragging] = useState(false);

  useEffect(() => {
    // `dragenter` of a child fires before `dragleave` of its parent, so the nesting is counted.
    let depth = 0;
    const concerns = (event: DragEvent) => !startedHere && isPromising(event);
    const enter = (event: DragEvent) => {
      if (!concerns(event)) return;
      event.preventDefault();
      depth += 1;
      setDragging(true);
    };
    const over = (event: DragEvent) => {
      if (!concerns(event)) return;
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
      if (!concerns(event)) return;
      // Otherwise the browser would open the file in place of the app.
      event.preventDefault();
      void droppedFiles(event.dataTransfer).then(receive);
    };
    const paste = (event: ClipboardEvent) => {
      const incoming = pastedFiles(event);
      if (incoming === undefined) return;
      event.preventDefault();
      receive(incoming);
    };
    const start = () => {
      startedHere = true;
    };
    const end = () => {
      startedHere = false;
    };
    const controller = new AbortController();
    const { signal } = controller;
    addEventListener('dragstart', start, { signal });
    addEventListener('dragend', end, { signal });
    addEventListener('dragenter', enter, { signal });
    addEventListener('dragover', over, { signal });
    addEventListener('dragleave', leave, { signal });
    addEventListener('drop', drop, { signal });
    addEventListener('paste', paste, { signal });
    return () => controller.abort();
  }, []);

  return dragging;
}
