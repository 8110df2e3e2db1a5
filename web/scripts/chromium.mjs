// Finds Chromium; on Debian and its kin installs it where it is missing and this may. Imported
// by the end-to-end tests and the Lighthouse report; run by itself it only makes sure.
import { execFileSync, spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];

/** No GPU, no first-run pages, and not a word to any host but the one under test. */
export const CHROMIUM_ARGS = [
  '--no-sandbox',
  '--headless',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** The path of Chromium, or undefined. `CHROMIUM` names one elsewhere. */
export function findChromium() {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const candidates = [
    ...(process.env.CHROMIUM ? [process.env.CHROMIUM] : []),
    ...NAMES.flatMap((name) => folders.map((folder) => join(folder, name))),
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  ];
  return candidates.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** The path of Chromium, installed first if need be; throws with the way out otherwise. */
export function ensureChromium() {
  const found = findChromium();
  if (found !== undefined) return found;
  const hasApt = spawnSync('apt-get', ['--version']).status === 0;
  if (hasApt && process.getuid?.() === 0) {
    console.log('installing Chromium with apt-get (about 100 MB) …');
    const options = {
      stdio: 'inherit',
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    };
    execFileSync('apt-get', ['update', '-q'], options);
    execFileSync(
      'apt-get',
      ['install', '-y', '-q', '--no-install-recommends', 'chromium'],
      options,
    );
    const installed = findChromium();
    if (installed !== undefined) return installed;
  }
  const how = hasApt ? 'run `sudo apt-get install chromium`' : 'install Chromium or Chrome';
  throw new Error(`no Chromium found: ${how}, or name one in CHROMIUM`);
}

if (process.argv[1] === new URL(import.meta.url).pathname) console.log(ensureChromium());
