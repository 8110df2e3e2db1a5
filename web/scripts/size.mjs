// Holds the built app against its budget: the JavaScript of a first visit, compressed.
import { readdirSync, readFileSync } from 'node:fs';
import { brotliCompressSync, gzipSync } from 'node:zlib';

const DIST = new URL('../dist/', import.meta.url);
/** What a first visit may load, in bytes after gzip; brotli is smaller still. */
const BUDGET = 250_000;

const read = (file) => readFileSync(new URL(file, DIST));
const kilo = (bytes) => `${(bytes / 1000).toFixed(1)} kB`.padStart(10);

/** Prints files and what they are together; answers their bytes after gzip. */
function list(title, files) {
  const total = [0, 0, 0];
  const print = (name, sizes) => console.log(`${sizes.map(kilo).join('')}  ${name}`);
  console.log(`${title}\n${['raw', 'gzip', 'brotli'].map((of) => of.padStart(10)).join('')}`);
  for (const file of files) {
    const bytes = read(file);
    const sizes = [
      bytes.length,
      gzipSync(bytes, { level: 9 }).length,
      brotliCompressSync(bytes).length,
    ];
    sizes.forEach((size, index) => (total[index] += size));
    print(file, sizes);
  }
  print('together\n', total);
  return total[1];
}

// The page names all that the app needs to start, so that the browser asks for it at once.
const page = String(read('index.html'));
const first = new Set(
  [...page.matchAll(/(?:src|href)="\/([^"]+\.js)"/g)].map(([, file]) => file ?? ''),
);
if (![...first].some((file) => file.startsWith('assets/app-'))) {
  throw new Error('dist/index.html does not name the app: run `npm run build` first');
}
const later = readdirSync(new URL('assets/', DIST))
  .map((name) => `assets/${name}`)
  .filter((file) => file.endsWith('.js') && !first.has(file));

const total = list('First load', first);
list('Loaded when needed', later);
console.log(`First load: ${kilo(total).trim()} of ${kilo(BUDGET).trim()} allowed, after gzip.`);
if (total > BUDGET) {
  console.error('It is over its budget: load something of it only when needed.');
  process.exit(1);
}
