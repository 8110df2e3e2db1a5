import { useCallback, useState } from 'react';

/**
 * Whether an element is within the view or this far from it. Give the first value to the
 * element as its ref.
 */
export function useInView(margin: string): readonly [(element: Element | null) => void, boolean] {
  const [inView, setInView] = useState(false);
  const ref = useCallback(
    (element: Element | null) => {
      if (element === null) return undefined;
      const observer = new IntersectionObserver(
        (entries) => setInView(entries.at(-1)?.isIntersecting ?? false),
        { rootMargin: margin },
      );
      observer.observe(element);
      return () => observer.disconnect();
    },
    [margin],
  );
  return [ref, inView];
}
