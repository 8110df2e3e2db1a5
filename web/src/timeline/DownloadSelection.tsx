import { useEffect, useRef, useState } from 'react';
import { describeError } from '../api/errors';
import type { PictureToDownload } from '../download/pictures';
import { formatCount } from '../lib/format';
import { Button } from '../ui/Button';
import { DownloadIcon } from '../ui/icons';
import { notify } from '../ui/notices';
import styles from './timeline.module.css';

/** The most names in a notice about missing pictures. The ZIP lists all of them. */
const MAX_NAMED = 3;

/** Downloads the selected pictures as a ZIP. While it is packed, the button cancels it. */
export function DownloadSelection({
  pictures,
}: {
  readonly pictures: readonly PictureToDownload[];
}) {
  const [done, setDone] = useState<number>();
  const running = useRef<AbortController>(undefined);
  useEffect(() => () => running.current?.abort(), []);

  const start = async () => {
    const controller = new AbortController();
    running.current = controller;
    setDone(0);
    try {
      const { downloadPictures } = await import('../download/pictures');
      const { missing } = await downloadPictures(pictures, {
        signal: controller.signal,
        onProgress: ({ files }) => setDone(files),
      });
      if (missing.length > 0) {
        const named = missing.slice(0, MAX_NAMED).map(({ title }) => `“${title}”`);
        const rest = missing.length - named.length;
        const list = named.join(', ') + (rest > 0 ? ` and ${formatCount(rest)} more` : '');
        notify(`Missing from the ZIP: ${list}.`, { severity: 'error' });
      }
    } catch (error) {
      if (!controller.signal.aborted) notify(describeError(error), { severity: 'error' });
    }
    setDone(undefined);
  };

  if (done !== undefined) {
    return (
      <Button tone="inherit" onClick={() => running.current?.abort()}>
        Cancel ({formatCount(done)} of {formatCount(pictures.length)})
      </Button>
    );
  }
  return (
    <Button tone="inherit" startIcon={<DownloadIcon />} onClick={() => void start()}>
      <span className={styles.word}>Download</span>
    </Button>
  );
}
