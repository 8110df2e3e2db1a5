import { useEffect } from 'react';

/**
 * Names the page in the tab, the history and to screen readers. Without a title it leaves that to
 * what is shown within the page, whose effects run before its own.
 */
export function useDocumentTitle(title: string | undefined): void {
  useEffect(() => {
    if (title !== undefined) document.title = `${title} · Trichrome`;
  }, [title]);
}
