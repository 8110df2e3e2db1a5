import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { type Person, signUp, storePictures, thumbnails } from './app';
import { newPerson } from './browser';
import { FIXTURES } from './images';

/** Opens the timeline of a new person with these files, whose thumbnails are on screen. */
export async function openTimeline(
  page: Page,
  paths = FIXTURES.map(({ path }) => path),
): Promise<Person> {
  const person = newPerson();
  await signUp(page, person);
  await page.getByText('No pictures yet').waitFor();
  await storePictures(person, paths);
  await page.reload();
  await expect.poll(() => thumbnails(page).count()).toBe(paths.length);
  return person;
}
