import { useCallback } from 'react';
import { queueDraw } from './queueDraw';
import { configure, type Drawing } from './options';
import { loadLibrary } from './loadLibrary';
import { useColors } from './useColors';

/** Draws a chart that fills its container. */
export function DrawnChart({ drawing }: { readonly drawing: Drawing }) {
  const color = useColors();
  const draw = useCallback(
    (canvas: HTMLCanvasElement | null) => {
      const context = canvas?.getContext('2d');
      // Browsers limit the memory of canvases. The table still has the values.
      if (!context) return undefined;
      let removed = false;
      let chart: { readonly destroy: () => void } | undefined;
      void loadLibrary().then(({ Chart }) =>
        queueDraw(() => {
          if (!removed) chart = new Chart(context, configure(drawing, color));
        }),
      );
      return () => {
        removed = true;
        chart?.destroy();
      };
    },
    [drawing, color],
  );
  return <canvas ref={draw} />;
}
