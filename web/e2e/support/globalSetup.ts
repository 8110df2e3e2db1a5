import { readStack } from './stack';

/** Checks before the first test that the stack serves the built app. */
export default async function setup(): Promise<void> {
  const { gateway_url } = readStack();
  const page = await fetch(gateway_url, { headers: { accept: 'text/html' } }).catch(
    () => undefined,
  );
  if (page?.ok !== true || !(await page.text()).includes('<div id="root">')) {
    throw new Error(
      `${gateway_url} does not serve the app: run \`npm run build\` in web/, then start the stack again`,
    );
  }
}
