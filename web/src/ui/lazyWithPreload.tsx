import { type ComponentType, lazy, type ReactNode, Suspense, useState } from 'react';

type Component<P> = ComponentType<P> & {
  /** Loads the code speculatively. A failure is ignored: rendering loads it again. */
  readonly preload: () => void;
};

/**
 * Creates a component whose code is loaded on first render or earlier. If the code has already
 * loaded, it renders synchronously, without the flash of a fallback that React's `lazy` shows.
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
    // Fixed for the component's lifetime: switching components would reset the state.
    const [Shown] = useState<ComponentType<P>>(() => Loaded ?? Lazy);
    return (
      <Suspense fallback={fallback}>
        <Shown {...props} />
      </Suspense>
    );
  }
  const preload = () => void once().catch(() => undefined);
  return Object.assign(LazyWithPreload, { preload });
}
