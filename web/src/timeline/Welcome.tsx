import { LIMITS } from '../lib/limits';
import { formatBytes } from '../lib/format';
import { ACCEPTED_TYPES } from '../uploads/checkFile';
import { openUploads } from '../uploads/uploads';
import { Button } from '../ui/Button';
import { UploadIcon } from '../ui/icons';
import styles from './timeline.module.css';

/** What a new user sees: where to drop pictures, and a way to try it without any. */
export function Welcome() {
  const trySamples = async () => {
    const { drawSamples } = await import('./samples');
    openUploads(await drawSamples());
  };
  return (
    <div className={styles.welcome}>
      <svg viewBox="0 0 320 200" width="320" height="200" aria-hidden="true">
        <g className={styles.mixed}>
          <circle cx="160" cy="76" r="58" fill="var(--rest)" />
          <circle cx="124" cy="132" r="58" fill="var(--grpc)" />
          <circle cx="196" cy="132" r="58" fill="var(--events)" />
        </g>
        <g className={styles.prints}>
          <g transform="rotate(-9 96 112)">
            <rect x="46" y="76" width="100" height="74" rx="8" />
            <path d="M52 140l26-28 18 18 14-12 30 22z" />
            <circle cx="120" cy="96" r="7" />
          </g>
          <g transform="rotate(8 224 112)">
            <rect x="174" y="76" width="100" height="74" rx="8" />
            <path d="M180 140c20-34 34-34 46-12s30 0 42-22v38h-88z" />
            <circle cx="200" cy="98" r="7" />
          </g>
        </g>
      </svg>
      <h2 className="h2">No pictures yet</h2>
      <p className="quiet">
        Drop photos anywhere on this page, or paste them. They stay exactly as they are, and line up
        by the day you took them.
      </p>
      <p className="quiet small">
        {ACCEPTED_TYPES}, up to {formatBytes(LIMITS.pictureBytes)} each
      </p>
      <div className={styles.welcomeActions}>
        <Button
          variant="contained"
          size="large"
          startIcon={<UploadIcon />}
          onClick={() => openUploads()}
        >
          Upload
        </Button>
        <Button size="large" variant="outlined" onClick={() => void trySamples()}>
          Try it with two samples
        </Button>
      </div>
    </div>
  );
}
