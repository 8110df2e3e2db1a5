import { describe, expect, it } from 'vitest';
import { Slots, Wanted } from './downloads';

/** What somebody wants, and how they give it up. */
function wantedBy(wanted: Wanted) {
  const controller = new AbortController();
  wanted.by(controller.signal);
  return () => controller.abort();
}

describe('Wanted', () => {
  it('is given up by the last who wanted it', () => {
    const wanted = new Wanted();
    const [one, other] = [wantedBy(wanted), wantedBy(wanted)];
    one();
    expect(wanted.isGivenUp).toBe(false);
    other();
    expect(wanted.isGivenUp).toBe(true);
  });

  it('can still be shared once it has begun', () => {
    const wanted = new Wanted();
    const giveUp = wantedBy(wanted);
    wanted.begin();
    giveUp();
    expect(wanted.isGivenUp).toBe(false);
  });
});

describe('Slots', () => {
  it('starts the newest first, and leaves out what was given up', async () => {
    const slots = new Slots(1);
    const started: string[] = [];
    const enter = (name: string, wanted = new Wanted()) =>
      slots.enter(wanted).then(
        () => started.push(name),
        () => started.push(`not ${name}`),
      );
    await enter('first');
    const wanted = new Wanted();
    const giveUp = wantedBy(wanted);
    const waiting = [enter('second'), enter('third', wanted), enter('fourth')];
    giveUp();
    slots.leave();
    await Promise.all([waiting[1], waiting[2]]);
    slots.leave();
    await waiting[0];
    expect(started).toEqual(['first', 'not third', 'fourth', 'second']);
  });
});
