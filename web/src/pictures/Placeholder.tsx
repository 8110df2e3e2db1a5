import { useCallback } from 'react';
import { drawPlaceholder } from './draw';

interface PlaceholderProps {
  /** A ThumbHash in base64. */
  readonly hash: string;
  readonly className?: string | undefined;
}

/** A blurred picture of about 30 pixels. It is drawn, because the policy forbids `data:` URLs. */
export function Placeholder({ hash, className }: PlaceholderProps) {
  const draw = useCallback(
    (canvas: HTMLCanvasElement | null) => {
      if (canvas !== null) drawPlaceholder(canvas, hash);
    },
    [hash],
  );
  return <canvas ref={draw} className={className} aria-hidden="true" width={1} height={1} />;
}
