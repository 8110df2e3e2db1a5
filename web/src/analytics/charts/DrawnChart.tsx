import { useCallback } from 'react';
import { queueDraw } from './queueDraw';
import { configure, type Drawing } from './options';
import { loadLibrary } from './loadLibrary';
import { useColors } from './useColors';

/** A drawing as wide and as high as what is around it. */
export function DrawnChart({ drawing }: { readonly drawing: Drawing }) {
  const color = useColors();
  const draw = useCallback(
    (canvas: HTMLCanvasElement | null) => {
      const context = canvas?.getContext('2d');
      // A browser has but so much room for drawings. The figures are in words too.
      if (!context) return undefined;
      let gone = false;
      let chart: { readonly destroy: () => void } | undefined;
      void loadLibrary().then(({ Chart }) =>
        queueDraw(() => {
          if (!gone) chart = new Chart(context, configure(drawing, color));
        }),
      );
      return () => {
        gone = true;
        chart?.destroy();
      };
    },
    [drawing, color],
  );
  return <canvas ref={draw} />;
}
