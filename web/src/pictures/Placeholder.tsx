import { useCallback } from 'react';
import { thumbHashToRGBA } from 'thumbhash';

interface PlaceholderProps {
  /** A ThumbHash in base64. */
  readonly hash: string;
  readonly className?: string | undefined;
}

/** A blurred picture of about 30 pixels. It is drawn, because the policy forbids `data:` URLs. */
export function Placeholder({ hash, className }: PlaceholderProps) {
  const draw = useCallback(
    (canvas: HTMLCanvasElement | null) => {
      const context = canvas?.getContext('2d');
      if (canvas === null || context === null || context === undefined) return;
      try {
        const bytes = Uint8Array.from(atob(hash), (char) => char.charCodeAt(0));
        const { w, h, rgba } = thumbHashToRGBA(bytes);
        canvas.width = w;
        canvas.height = h;
        context.putImageData(new ImageData(new Uint8ClampedArray(rgba), w, h), 0, 0);
      } catch {
        // The hash is malformed: the tile keeps its plain background.
      }
    },
    [hash],
  );
  return <canvas ref={draw} className={className} aria-hidden="true" width={1} height={1} />;
}
