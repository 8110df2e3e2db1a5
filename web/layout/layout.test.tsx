import { screen, waitFor, within } from '@testing-library/react';
import { userEvent } from 'vitest/browser';
import { describe, expect, it } from 'vitest';
import { ratioOf } from '../src/timeline/layout';
import { uploads } from '../src/uploads/uploads';
import { beyondTheEdges, brokenWords, picture, renderApp, WIDTHS } from './app';

const LONG = `IMG_${'20260714103045_'.repeat(14)}`;
const SIZES = [
  [4000, 3000],
  [3000, 4000],
  [4000, 2250],
  [1000, 1000],
  [12_000, 800],
  [790, 9000],
  [64, 64],
] as const;

const library = (count: number, title: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => {
    const [width, height] = SIZES[index % SIZES.length] ?? [1, 1];
    return picture(index, width, height, title(index));
  });

const shownTiles = async (count: number) => {
  const grid = await screen.findByRole('grid', { name: 'Your pictures' });
  await waitFor(() => expect(within(grid).getAllByRole('link').length).toBeGreaterThan(count));
  return within(grid).getAllByRole('link');
};

describe.each(WIDTHS)('on a screen of %i pixels', (width) => {
  it('justifies rows of pictures in their true proportions', async () => {
    const entries = library(44, (index) => `Picture ${index}`);
    await renderApp(width, '/pictures', entries);
    const tiles = await shownTiles(4);
    const grid = screen.getByRole('grid').getBoundingClientRect();
    const boxes = tiles.map((tile) => {
      const entry = entries.find(({ id }) => tile.id.endsWith(id));
      if (entry === undefined) throw new Error(`no picture ${tile.id}`);
      return { entry, box: tile.getBoundingClientRect() };
    });
    for (const { entry, box } of boxes) {
      expect(box.width / box.height).toBeCloseTo(ratioOf(entry), 1);
      expect(box.left).toBeGreaterThanOrEqual(grid.left - 0.5);
      expect(box.right).toBeLessThanOrEqual(grid.right + 0.5);
    }
    const tops = [...new Set(boxes.map(({ box }) => Math.round(box.top)))];
    expect(tops.length).toBeGreaterThan(1);
    for (const top of tops) {
      const row = boxes.filter(({ box }) => Math.round(box.top) === top).map(({ box }) => box);
      expect(Math.max(...row.map(({ height }) => height))).toBeCloseTo(
        Math.min(...row.map(({ height }) => height)),
        0,
      );
      row.slice(1).forEach((box, at) => expect(box.left).toBeGreaterThan(row[at]?.right ?? 0));
    }
    // A row that isn't a day's last one fills the width.
    const [first = 0] = tops;
    const ends = boxes.filter(({ box }) => Math.round(box.top) === first);
    expect(ends.at(-1)?.box.right).toBeCloseTo(grid.right, -1);
    expect(beyondTheEdges()).toEqual([]);
  });

  it('shows every picture whole', async () => {
    await renderApp(width, '/pictures', library(14, String));
    const [first] = await shownTiles(4);
    const image = await waitFor(() => {
      const found = first?.querySelector('canvas[data-shown=true]');
      if (!(found instanceof HTMLCanvasElement)) throw new Error('no thumbnail yet');
      return found;
    });
    expect(['contain', 'scale-down']).toContain(getComputedStyle(image).objectFit);
  });

  it('has room for its header and for long names', async () => {
    await renderApp(
      width,
      '/pictures',
      library(12, () => LONG),
      'a'.repeat(64),
    );
    await shownTiles(3);
    const header = screen.getByRole('banner');
    expect(header.getBoundingClientRect().height).toBeLessThan(72);
    expect(brokenWords(header)).toEqual([]);
    expect(brokenWords(screen.getByRole('search'))).toEqual([]);
    expect(beyondTheEdges()).toEqual([]);

    await userEvent.click(screen.getByRole('button', { name: 'Account and settings' }));
    await screen.findByText('Logged in as');
    expect(beyondTheEdges()).toEqual([]);
  });

  it('keeps words whole above a selection', async () => {
    await renderApp(
      width,
      '/pictures',
      library(12, () => LONG),
    );
    await shownTiles(3);
    screen.getAllByRole('button', { name: /^Select IMG/ })[0]?.click();
    const bar = (await screen.findByText('1 selected')).parentElement;
    if (bar === null) throw new Error('no bar');
    expect(brokenWords(bar)).toEqual([]);
    expect(beyondTheEdges()).toEqual([]);
  });

  it('fits a picture with a long name, and its information', async () => {
    const [entry] = library(1, () => LONG);
    if (entry === undefined) throw new Error('no picture');
    await renderApp(width, `/pictures/${entry.id}`, [entry]);
    const view = await screen.findByRole('dialog', { name: LONG });
    await userEvent.click(await within(view).findByRole('button', { name: 'Information' }));
    await within(view).findByRole('complementary');
    expect(view.getBoundingClientRect().width).toBe(width);
    expect(beyondTheEdges()).toEqual([]);
    // The title leaves the buttons alone.
    const title = within(view).getByRole('heading', { level: 2 }).getBoundingClientRect();
    for (const button of within(view).getAllByRole('button')) {
      const { left, right, top, bottom } = button.getBoundingClientRect();
      const apart =
        right <= title.left || left >= title.right || bottom <= title.top || top >= title.bottom;
      expect(apart, button.getAttribute('aria-label') ?? '').toBe(true);
    }
  });

  it('fits uploads with long names', async () => {
    await renderApp(width, '/pictures');
    await screen.findByText('No pictures yet');
    uploads.add([new File(['not a picture'], `${LONG}.png`), new File([''], `${LONG}.jpg`)]);
    const tray = await screen.findByRole('region', { name: 'Uploads' });
    await within(tray).findByText(/This is not a picture/);
    expect(tray.getBoundingClientRect().width).toBeLessThanOrEqual(width);
    expect(beyondTheEdges()).toEqual([]);
  });

  it('fits the question before an account with a long name is deleted', async () => {
    await renderApp(width, '/account', [], 'w'.repeat(64));
    await userEvent.click(await screen.findByRole('button', { name: 'Delete account' }));
    const question = await screen.findByRole('alertdialog');
    expect(question.getBoundingClientRect().width).toBeLessThanOrEqual(width);
    expect(beyondTheEdges()).toEqual([]);
    expect(brokenWords(within(question).getByRole('button', { name: 'Delete for good' }))).toEqual(
      [],
    );
  });
});
