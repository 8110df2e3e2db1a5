// Holds the built app against its budget: the JavaScript of a first visit, compressed.
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const DIST = new URL('../dist/', import.meta.url);
/** What a first visit may load, in bytes after gzip; brotli is smaller still. */
const BUDGET = 250_000;

const manifest = JSON.parse(readFileSync(new URL('.vite/manifest.json', DIST), 'utf8'));

/** A chunk and all that it imports before it can run. */
function closure(key, files = new Set()) {
  const chunk = manifest[key];
  if (chunk === undefined || files.has(chunk.file)) return files;
  files.add(chunk.file);
  for (const imported of chunk.imports ?? []) closure(imported, files);
  return files;
}

const read = (file) => readFileSync(new URL(file, DIST));
const gzipped = (file) => gzipSync(read(file), { level: 9 }).length;
const kilo = (bytes) => `${(bytes / 1000).toFixed(1)} kB`.padStart(9);

const entry = Object.keys(manifest).find((key) => manifest[key].isEntry);
if (entry === undefined) throw new Error('dist/ has no entry: run `npm run build` first');

const first = closure(entry);
closure('src/main.tsx', first);
// A first visit ends at the pictures, whether it starts there or at the login.
closure('src/home.ts', first);
first.add('scheme.js');
let total = 0;
console.log('First load (gzip):');
for (const file of first) {
  const size = gzipped(file);
  total += size;
  console.log(`${kilo(size)}  ${file}`);
}
console.log(`${kilo(total)}  of ${kilo(BUDGET).trim()} allowed\n`);

console.log('Loaded when needed (gzip):');
const later = new Set(
  Object.values(manifest)
    .map(({ file }) => file)
    .filter((file) => file.endsWith('.js') && !first.has(file)),
);
for (const file of later) console.log(`${kilo(gzipped(file))}  ${file}`);

if (total > BUDGET) {
  console.error('\nThe first load is over its budget: load something of it only when needed.');
  process.exit(1);
}
