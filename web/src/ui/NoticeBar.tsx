import { useEffect, useState } from 'react';
import { createPortal } from 'react-dom';
import { useStore } from '../useStore';
import { SeverityIcon } from './Alert';
import { IconButton } from './IconButton';
import { CloseIcon } from './icons';
import { noticeRegion } from './noticeRegion';
import { type Notice, noticeStore } from './notices';
import { useHydrated } from './useHydrated';

const SHOWN_MS = 5_000;
/** Errors take longer to read. */
const ERROR_SHOWN_MS = 10_000;

/** Shows the current notice. */
export function NoticeBar() {
  const notice = useStore(noticeStore);
  // Portals can't be prerendered.
  if (!useHydrated()) return null;
  return createPortal(
    notice === null ? null : <Bar key={notice.key} notice={notice} />,
    noticeRegion(),
  );
}

const close = () => noticeStore.set(null);

function Bar({ notice: { severity, text } }: { readonly notice: Notice }) {
  // The timer pauses while the pointer or the focus is on the notice.
  const [paused, setPaused] = useState(false);
  useEffect(() => {
    if (paused) return undefined;
    const timer = setTimeout(close, severity === 'error' ? ERROR_SHOWN_MS : SHOWN_MS);
    return () => clearTimeout(timer);
  }, [paused, severity]);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key === 'Escape') close();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
  return (
    // eslint-disable-next-line jsx-a11y/no-static-element-interactions -- only pauses the timer
    <div
      className={`notice alert ${severity}`}
      onPointerEnter={() => setPaused(true)}
      onPointerLeave={() => setPaused(false)}
      onFocus={() => setPaused(true)}
      onBlur={() => setPaused(false)}
    >
      <SeverityIcon severity={severity} />
      <div>{text}</div>
      <IconButton label="Close" size="small" hint="none" onClick={close}>
        <CloseIcon />
      </IconButton>
    </div>
  );
}
