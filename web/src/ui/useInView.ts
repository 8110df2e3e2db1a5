import { useCallback, useState } from 'react';

/**
 * Whether an element is in the viewport or within `margin` of it. The first value is the ref for the
 * element.
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
