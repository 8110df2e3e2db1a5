import { type InfiniteData, QueryClient } from '@tanstack/react-query';
import { expect, it } from 'vitest';
import { keys } from '../queryKeys';
import { addToCache } from './queries';
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

it('puts pictures where the service has them, in whichever order their answers come', () => {
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
