let turns: Promise<void> = Promise.resolve();

/** Does it after what was asked for before, and as a task of its own: a click comes between. */
export function queueDraw(act: () => void): void {
  turns = turns.then(
    () =>
      new Promise((resolve) => {
        setTimeout(() => {
          try {
            act();
          } finally {
            resolve();
          }
        });
      }),
  );
}
