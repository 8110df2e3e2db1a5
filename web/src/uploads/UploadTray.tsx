import { useEffect, useRef, useState } from 'react';
import { formatBytes, formatCount, formatSeconds } from '../lib/format';
import { useStore } from '../lib/useStore';
import { Button } from '../ui/Button';
import { IconButton } from '../ui/IconButton';
import { CloseIcon, DownIcon, PauseIcon, PlayIcon, RetryIcon } from '../ui/icons';
import { ProgressBar } from '../ui/ProgressBar';
import { countStates, headline, milestone } from './summary';
import { SpeedMeter } from './speed';
import { uploads } from './uploads';
import { UploadRow } from './UploadRow';
import styles from './UploadTray.module.css';

/** How often the overall progress is updated, in milliseconds. */
const UPDATE_MS = 500;

/** The list of uploads, on every page while there are any. */
export function UploadTray() {
  const items = useStore(uploads.items);
  useStore(uploads.revision);
  const paused = useStore(uploads.paused);
  const [open, setOpen] = useState(true);
  const region = useRef<HTMLElement>(null);
  const counts = countStates(uploads.uploads);
  const active = counts.waiting + counts.sending;

  /** Moves the focus to the row after a removed one, or to the one before the end. */
  const remove = (id: number) => {
    const index = items.findIndex((item) => item.id === id);
    uploads.remove(id);
    const next = uploads.items.get()[index] ?? uploads.items.get().at(-1);
    requestAnimationFrame(() => {
      const row = region.current?.querySelector(
        `[data-upload="${next?.id ?? 0}"] button:last-of-type`,
      );
      if (row instanceof HTMLElement) row.focus();
      else region.current?.focus();
    });
  };

  return (
    <section ref={region} tabIndex={-1} className={styles.tray} aria-label="Uploads">
      <header className={styles.head}>
        <h2 className="h3">{headline(counts, paused)}</h2>
        <IconButton
          label={open ? 'Show less' : 'Show all uploads'}
          hint="none"
          aria-expanded={open}
          onClick={() => setOpen(!open)}
        >
          <DownIcon className={open ? '' : styles.up} />
        </IconButton>
        {active === 0 && (
          <IconButton
            label="Close the list"
            hint="none"
            onClick={() => {
              uploads.clearSettled();
            }}
          >
            <CloseIcon />
          </IconButton>
        )}
      </header>
      {active > 0 && <Overall paused={paused} />}
      {(active > 0 || counts.failed > 0) && (
        <div className={styles.actions}>
          {active > 0 && (
            <Button
              size="small"
              startIcon={paused ? <PlayIcon size={16} /> : <PauseIcon size={16} />}
              onClick={() => (paused ? uploads.resume() : uploads.pause())}
            >
              {paused ? 'Resume' : 'Pause'}
            </Button>
          )}
          {counts.failed > 0 && (
            <Button
              size="small"
              startIcon={<RetryIcon size={16} />}
              onClick={() => uploads.retryAll()}
            >
              {counts.failed === 1 ? 'Retry' : `Retry all ${formatCount(counts.failed)}`}
            </Button>
          )}
        </div>
      )}
      {open && (
        <ul className={styles.list} aria-label="Uploaded pictures">
          {items.map((item) => (
            <UploadRow key={item.id} item={item} onRemove={remove} />
          ))}
        </ul>
      )}
      <Status />
    </section>
  );
}

interface Measured {
  readonly sent: number;
  readonly total: number;
  /** Bytes per second, once known. */
  readonly speed?: number | undefined;
  /** Seconds, once known. */
  readonly left?: number | undefined;
}

/** The progress of all uploads. Only this part rerenders as bytes are sent. */
function Overall({ paused }: { readonly paused: boolean }) {
  const [meter] = useState(() => new SpeedMeter());
  const [{ sent, total, speed, left }, setOverall] = useState<Measured>(() => uploads.overall());
  useEffect(() => {
    meter.reset();
    const update = () => {
      const overall = uploads.overall();
      if (!paused) meter.measure(overall.sent, performance.now());
      const left = meter.secondsFor(overall.total - overall.sent);
      setOverall({ ...overall, speed: meter.speed, left });
    };
    update();
    const timer = setInterval(update, UPDATE_MS);
    return () => clearInterval(timer);
  }, [meter, paused]);

  const text = [
    `${formatBytes(sent)} of ${formatBytes(total)}`,
    !paused && speed !== undefined && `${formatBytes(speed)}/s`,
    !paused && left !== undefined && `${formatSeconds(left)} left`,
  ].filter((part) => part !== false);
  return (
    <div className={styles.overall}>
      <ProgressBar label="All uploads" progress={total === 0 ? 0 : sent / total} />
      <p className="small quiet">{text.join(' · ')}</p>
    </div>
  );
}

/** Announces milestones to screen readers, rather than every change. */
function Status() {
  useStore(uploads.revision);
  const paused = useStore(uploads.paused);
  const all = uploads.uploads;
  const text = milestone(countStates(all), paused, all.some(isOffline));
  return (
    <div role="status" className="visually-hidden">
      {text}
    </div>
  );
}

const isOffline = ({ state }: (typeof uploads.uploads)[number]) =>
  state.kind === 'sending' && !state.connected;
