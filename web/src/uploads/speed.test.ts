import { expect, it } from 'vitest';
import { SpeedMeter } from './speed';

it('shows nothing before two seconds have been measured', () => {
  const meter = new SpeedMeter();
  meter.measure(0, 0);
  meter.measure(1_000, 1_000);
  expect(meter.speed).toBeUndefined();
  expect(meter.secondsFor(1_000)).toBeUndefined();
  meter.measure(2_000, 2_000);
  expect(meter.speed).toBeCloseTo(1_000);
  expect(meter.secondsFor(5_000)).toBeCloseTo(5);
});

it('follows a change within seconds', () => {
  const meter = new SpeedMeter();
  for (let second = 0; second <= 10; second++) meter.measure(second * 1_000, second * 1_000);
  for (let second = 1; second <= 20; second++) {
    meter.measure(10_000 + second * 100, 10_000 + second * 1_000);
  }
  expect(meter.speed).toBeLessThan(150);
  expect(meter.speed).toBeGreaterThan(100);
});

it('knows no time left while nothing moves, and starts over after a pause', () => {
  const meter = new SpeedMeter();
  for (let second = 0; second <= 400; second++) meter.measure(10, second * 1_000);
  expect(meter.secondsFor(10)).toBeUndefined();
  meter.reset();
  expect(meter.speed).toBeUndefined();
});

it('ignores bytes that are sent again', () => {
  const meter = new SpeedMeter();
  for (let second = 0; second <= 4; second++) meter.measure(second * 1_000, second * 1_000);
  meter.measure(0, 5_000);
  expect(meter.speed).toBeCloseTo(1_000);
});
