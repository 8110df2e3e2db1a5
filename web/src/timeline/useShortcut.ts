import { useEffect, useRef } from 'react';

/** Whether an event's key is text for a field. A list of options has no use for punctuation. */
const isTyping = ({ target }: KeyboardEvent) =>
  target instanceof Element && target.closest('input, textarea') !== null;

/** Calls `action` when a key is pressed anywhere on the page, except to type it. */
export function useShortcut(key: string, action: () => void): void {
  const latest = useRef(action);
  useEffect(() => {
    latest.current = action;
  });
  useEffect(() => {
    const listener = (event: KeyboardEvent) => {
      const { ctrlKey, metaKey, altKey } = event;
      if (event.key !== key || isTyping(event) || ctrlKey || metaKey || altKey) return;
      event.preventDefault();
      latest.current();
    };
    addEventListener('keydown', listener);
    return () => removeEventListener('keydown', listener);
  }, [key]);
}
