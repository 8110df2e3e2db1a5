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
/** An error is read twice. */
const ERROR_SHOWN_MS = 10_000;

/** The one place where messages appear. */
export function NoticeBar() {
  const notice = useStore(noticeStore);
  // A prerendered page has no place beside it.
  if (!useHydrated()) return null;
  return createPortal(
    notice === null ? null : <Bar key={notice.key} notice={notice} />,
    noticeRegion(),
  );
}

const close = () => noticeStore.set(null);

function Bar({ notice: { severity, text } }: { readonly notice: Notice }) {
  // Whoever is reading it, or about to close it, is not hurried.
  const [held, setHeld] = useState(false);
  useEffect(() => {
    if (held) return undefined;
    const timer = setTimeout(close, severity === 'error' ? ERROR_SHOWN_MS : SHOWN_MS);
    return () => clearTimeout(timer);
  }, [held, severity]);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key === 'Escape') close();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
  return (
    // eslint-disable-next-line jsx-a11y/no-static-element-interactions -- only held, never operated
    <div
      className={`notice alert ${severity}`}
      onPointerEnter={() => setHeld(true)}
      onPointerLeave={() => setHeld(false)}
      onFocus={() => setHeld(true)}
      onBlur={() => setHeld(false)}
    >
      <SeverityIcon severity={severity} />
      <div>{text}</div>
      <IconButton label="Close" size="small" hint="none" onClick={close}>
        <CloseIcon />
      </IconButton>
    </div>
  );
}
