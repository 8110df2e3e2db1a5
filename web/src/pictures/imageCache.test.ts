import { QueryClient, QueryObserver } from '@tanstack/react-query';
import { expect, it } from 'vitest';
import { keys } from '../api/queryKeys';
import { limitImageCache } from './imageCache';

const picture = () => ({ blob: new Blob([new Uint8Array(100)]) });

it('evicts the oldest pictures that are not on screen', () => {
  const client = new QueryClient();
  limitImageCache(client, 250);
  client.setQueryData(keys.image('shown'), picture(), { updatedAt: 1 });
  const observer = new QueryObserver(client, { queryKey: keys.image('shown'), enabled: false });
  const unsubscribe = observer.subscribe(() => undefined);
  for (let i = 2; i <= 5; i++) {
    client.setQueryData(keys.image(`unseen-${i}`), picture(), { updatedAt: i });
  }
  const left = () =>
    client
      .getQueryCache()
      .findAll({ queryKey: keys.images })
      .map(({ queryKey }) => queryKey[2]);
  expect(left()).toEqual(['shown', 'unseen-4', 'unseen-5']);

  // Once hidden, it is the oldest of three pictures, which exceed the limit.
  unsubscribe();
  expect(left()).toEqual(['unseen-4', 'unseen-5']);
  client.clear();
});
