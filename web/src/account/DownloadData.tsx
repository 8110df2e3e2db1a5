import { useEffect, useRef, useState } from 'react';
import { describeError, isAbort } from '../api/errors';
import type { Report } from '../download/archive';
import { formatCount } from '../lib/format';
import { Alert } from '../ui/Alert';
import { Button } from '../ui/Button';
import { DownloadIcon } from '../ui/icons';
import { fetchUserId } from './queries';
import styles from './AccountPage.module.css';

type State =
  | { readonly kind: 'idle' }
  | { readonly kind: 'running'; readonly files: number }
  | { readonly kind: 'done'; readonly report: Report }
  | { readonly kind: 'failed'; readonly reason: string };

/** Downloads all of a user's data, and names what is missing. */
export function DownloadData({ username }: { readonly username: string }) {
  const [state, setState] = useState<State>({ kind: 'idle' });
  const running = useRef<AbortController>(undefined);
  useEffect(() => () => running.current?.abort(), []);

  const start = async () => {
    const controller = new AbortController();
    running.current = controller;
    setState({ kind: 'running', files: 0 });
    try {
      const { downloadAccount } = await import('../download/account');
      const report = await downloadAccount(
        { id: await fetchUserId(), username },
        {
          signal: controller.signal,
          onProgress: ({ files }) => setState({ kind: 'running', files }),
        },
      );
      setState({ kind: 'done', report });
    } catch (error) {
      const stopped = controller.signal.aborted || isAbort(error);
      setState(stopped ? { kind: 'idle' } : { kind: 'failed', reason: describeError(error) });
    }
  };

  return (
    <div className={styles.download}>
      {state.kind === 'running' ? (
        <Button variant="outlined" onClick={() => running.current?.abort()}>
          Cancel
        </Button>
      ) : (
        <Button variant="outlined" startIcon={<DownloadIcon />} onClick={() => void start()}>
          Download
        </Button>
      )}
      <p role="status" className="quiet">
        {state.kind === 'running' && `Packing… ${pictures(state.files)} so far.`}
        {state.kind === 'done' && `Downloaded ${pictures(state.report.files)}.`}
      </p>
      {state.kind === 'failed' && <Alert severity="error">{state.reason}</Alert>}
      {state.kind === 'done' && state.report.missing.length > 0 && (
        <Alert severity="error" title="Some pictures are missing from the ZIP">
          <ul className={styles.missing}>
            {state.report.missing.map(({ title, reason }, index) => (
              <li key={index}>
                {title}: {reason}
              </li>
            ))}
          </ul>
        </Alert>
      )}
    </div>
  );
}

const pictures = (count: number) => `${formatCount(count)} ${count === 1 ? 'picture' : 'pictures'}`;
