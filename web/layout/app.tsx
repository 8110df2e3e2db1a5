import { render } from '@testing-library/react';
import { MemoryRouter } from 'react-router';
import { vi } from 'vitest';
import { page } from 'vitest/browser';
import { startSession } from '../src/api/session';
import type { IndexEntry } from '../src/api/types';
import { App } from '../src/app/App';
import { createQueryClient } from '../src/app/queryClient';

export const WIDTHS = [320, 390, 768, 1280] as const;

/** A picture of the index. */
export function picture(index: number, width: number, height: number, title: string): IndexEntry {
  const id = `0198c2f0-0000-7000-8000-${String(index).padStart(12, '0')}`;
  const taken_at = `2026-07-${String(30 - Math.floor(index / 11)).padStart(2, '0')}T10:00:00`;
  return {
    id,
    title,
    width,
    height,
    taken_at,
    created_at: `${taken_at}Z`,
    placeholder: '1QcSHQRnh493V4dIh4eXh1h4kJUI',
    state: 'ready',
    content_type: 'image/jpeg',
    size_bytes: 3_300_000,
  };
}

const drawn = new Map<string, Promise<Blob>>();

/** A picture's thumbnail: a plain area of the right proportions. */
function thumbnail({ id, width, height }: IndexEntry): Promise<Blob> {
  const scale = 480 / Math.max(width, height);
  const canvas = new OffscreenCanvas(Math.round(width * scale), Math.round(height * scale));
  const context = canvas.getContext('2d');
  if (context !== null) {
    context.fillStyle = '#3b6cf0';
    context.fillRect(0, 0, canvas.width, canvas.height);
  }
  const blob = drawn.get(id) ?? canvas.convertToBlob();
  drawn.set(id, blob);
  return blob;
}

/** Answers the app's calls with these pictures. */
function serve(entries: readonly IndexEntry[]): void {
  const info = (entry: IndexEntry) => ({
    ...entry,
    user_id: 'someone',
    displayed_width: entry.width,
    displayed_height: entry.height,
    damage: '',
    links: {
      original: `/bytes/${entry.id}`,
      preview: `/bytes/${entry.id}`,
      thumbnail: `/bytes/${entry.id}`,
      expires_at: '2030-01-01T00:00:00Z',
    },
  });
  const total = entries.length;
  const months = total === 0 ? [] : [{ month: '2026-07', count: total }];
  vi.stubGlobal('fetch', async (input: RequestInfo | URL, init?: RequestInit) => {
    const { pathname, searchParams } = new URL(new Request(input, init).url);
    const found = entries.find(({ id }) => pathname.endsWith(id));
    if (pathname === '/rest/pictures/index') {
      const listed = searchParams.has('month') ? entries : [];
      const pictures = listed.map((entry) => ({ ...entry, thumbnail: `/bytes/${entry.id}` }));
      const links_expire_at = '2030-01-01T00:00:00Z';
      return Response.json({ months, pictures, next_cursor: '', total, links_expire_at });
    }
    if (pathname.startsWith('/bytes/') && found) return new Response(await thumbnail(found));
    if (found !== undefined) return Response.json(info(found));
    return new Response(null, { status: 404 });
  });
}

/** Renders the app on a screen of this width, for a logged-in user with these pictures. */
export async function renderApp(
  width: number,
  address: string,
  entries: readonly IndexEntry[] = [],
  username = 'ada',
): Promise<void> {
  await page.viewport(width, 800);
  serve(entries);
  startSession('a token', username);
  render(
    <MemoryRouter initialEntries={[address]}>
      <App queryClient={createQueryClient()} />
    </MemoryRouter>,
  );
}

/** Elements that are wider than the screen or beyond its edges, for a message that helps. */
export function beyondTheEdges(): string[] {
  const { clientWidth, scrollWidth } = document.documentElement;
  const wide = scrollWidth > clientWidth ? [`the page scrolls to ${scrollWidth} px`] : [];
  const visible = [...document.querySelectorAll('button, a, input, select, h1, h2, p, dialog')];
  const outside = visible.filter((element) => {
    const { left, right, width, height } = element.getBoundingClientRect();
    return width > 1 && height > 1 && (left < -0.5 || right > clientWidth + 0.5);
  });
  return [
    ...wide,
    ...outside.map(({ tagName, textContent }) => `${tagName} "${textContent.slice(0, 40)}"`),
  ];
}

/** Texts that break inside a word, which happens where there is no room for the word. */
export function brokenWords(root: ParentNode): string[] {
  const broken: string[] = [];
  const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  for (let node = texts.nextNode(); node !== null; node = texts.nextNode()) {
    for (const { 0: word, index } of (node.textContent ?? '').matchAll(/\S+/g)) {
      const range = document.createRange();
      range.setStart(node, index);
      range.setEnd(node, index + word.length);
      const lines = new Set([...range.getClientRects()].map(({ top }) => Math.round(top)));
      if (lines.size > 1) broken.push(word);
    }
  }
  return broken;
}
