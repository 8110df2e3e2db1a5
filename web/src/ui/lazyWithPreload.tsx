import { type ComponentType, lazy, type ReactNode, Suspense, useState } from 'react';

type Component<P> = ComponentType<P> & {
  /** Loads it ahead of its being shown. */
  readonly load: () => Promise<unknown>;
  /** The same on a guess: what fails of it is tried again, and said, where it is shown. */
  readonly preload: () => void;
};

/**
 * A component whose code comes when it is first shown, or loaded ahead. Once the code is there it
 * is rendered as any other (React's own `lazy` would still wait for a moment, and take a
 * prerendered page apart for that).
 */
export function lazyWithPreload<P extends object>(
  load: () => Promise<ComponentType<P>>,
  fallback: ReactNode = null,
): Component<P> {
  let Loaded: ComponentType<P> | undefined;
  const once = async () => {
    Loaded ??= await load();
    return { default: Loaded };
  };
  const Lazy = lazy(once);
  function LazyWithPreload(props: P) {
    // Once for all: with another one, what is shown would begin anew.
    const [Shown] = useState<ComponentType<P>>(() => Loaded ?? Lazy);
    return (
      <Suspense fallback={fallback}>
        <Shown {...props} />
      </Suspense>
    );
  }
  const preload = () => void once().catch(() => undefined);
  return Object.assign(LazyWithPreload, { load: once, preload });
}
