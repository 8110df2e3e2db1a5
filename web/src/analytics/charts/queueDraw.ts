let queue: Promise<void> = Promise.resolve();

/** Runs draw calls one at a time, each in its own task so that input is handled in between. */
export function queueDraw(draw: () => void): void {
  queue = queue.then(
    () =>
      new Promise((resolve) => {
        setTimeout(() => {
          try {
            draw();
          } finally {
            resolve();
          }
        });
      }),
  );
}
