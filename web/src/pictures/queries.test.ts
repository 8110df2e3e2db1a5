import { type InfiniteData, QueryClient, QueryObserver } from '@tanstack/react-query';
import { expect, it } from 'vitest';
import { keys } from '../api/queryKeys';
import { addToCache, forgetImage } from './queries';
import type { Page, PictureInfo } from './requests';

const stored = (id: string): PictureInfo => ({
  id,
  title: `picture ${id}`,
  user_id: 'ada',
  content_type: 'image/png',
  size_bytes: 1,
  width: 1,
  height: 1,
  created_at: '2026-01-01T00:00:00Z',
});

it('orders new pictures like the service, regardless of the order of responses', () => {
  const client = new QueryClient();
  client.setQueryData<InfiniteData<Page, string>>(keys.list, {
    pages: [{ pictures: [stored('1')], nextCursor: '' }],
    pageParams: [''],
  });
  for (const id of ['3', '2', '3']) addToCache(client, stored(id), new Blob(['x']));
  const list = client.getQueryData<InfiniteData<Page, string>>(keys.list);
  expect(list?.pages[0]?.pictures.map(({ id }) => id)).toEqual(['3', '2', '1']);
  client.clear();
});

it('adds no picture that is already on a later page', () => {
  const client = new QueryClient();
  const pages = [['3'], ['2']].map((ids) => ({ pictures: ids.map(stored), nextCursor: '' }));
  client.setQueryData<InfiniteData<Page, string>>(keys.list, { pages, pageParams: ['', 'next'] });
  addToCache(client, stored('2'), new Blob(['x']));
  expect(client.getQueryData<InfiniteData<Page, string>>(keys.list)?.pages).toEqual(pages);
  client.clear();
});

it('removes a deleted picture from the cache once it is no longer shown', async () => {
  const client = new QueryClient();
  const left = () => client.getQueryCache().findAll({ queryKey: keys.images }).length;
  for (const id of ['shown', 'unseen']) client.setQueryData(keys.image(id), { blob: new Blob() });
  const observer = new QueryObserver(client, { queryKey: keys.image('shown'), enabled: false });
  const hide = observer.subscribe(() => undefined);
  forgetImage(client, 'unseen');
  forgetImage(client, 'shown');
  expect(left()).toBe(1);
  hide();
  await expect.poll(left).toBe(0);
  client.clear();
});
