// Checks the compressed JavaScript of a first visit against its budget.
import { readdirSync, readFileSync } from 'node:fs';
import { brotliCompressSync, gzipSync } from 'node:zlib';

const DIST = new URL('../dist/', import.meta.url);
/** The budget of a first visit, in bytes after gzip. */
const BUDGET = 130_000;

const read = (file) => readFileSync(new URL(file, DIST));
const kilo = (bytes) => `${(bytes / 1000).toFixed(1)} kB`.padStart(10);

/** Prints the sizes of files and their total; returns the total bytes after gzip. */
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
  print('total\n', total);
  return total[1];
}

// index.html references every script of the first load.
const page = String(read('index.html'));
const first = new Set(
  [...page.matchAll(/(?:src|href)="\/([^"]+\.js)"/g)].map(([, file]) => file ?? ''),
);
if (![...first].some((file) => file.startsWith('assets/app-'))) {
  throw new Error('dist/index.html does not load the app: run `npm run build` first');
}
const later = readdirSync(new URL('assets/', DIST))
  .map((name) => `assets/${name}`)
  .filter((file) => file.endsWith('.js') && !first.has(file));

const total = list('First load', first);
list('Loaded when needed', later);
console.log(`First load: ${kilo(total).trim()} of ${kilo(BUDGET).trim()} allowed, after gzip.`);
if (total > BUDGET) {
  console.error('The first load is over its budget: load part of it on demand.');
  process.exit(1);
}
