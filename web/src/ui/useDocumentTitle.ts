import { useEffect } from 'react';

/**
 * Sets the document's title. A parent passes undefined to keep the title set by its child, because
 * effects of children run first.
 */
export function useDocumentTitle(title: string | undefined): void {
  useEffect(() => {
    if (title !== undefined) document.title = `${title} · Trichrome`;
  }, [title]);
}
