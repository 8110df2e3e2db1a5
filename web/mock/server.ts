/**
 * Serves the mock backend and the built app over HTTP like the gateway: with the same headers,
 * precompressed files, and `index.html` for the app's routes.
 */
import { readFile, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSocket } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MockBackend } from './backend';
import { seedLibrary } from './seed';

const WEB = fileURLToPath(new URL('..', import.meta.url));
const DIST = join(WEB, 'dist');

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};

export interface MockServer {
  readonly url: string;
  readonly backend: MockBackend;
  readonly close: () => Promise<void>;
}

export async function startMockServer(port = 0, backend = new MockBackend()): Promise<MockServer> {
  const template = (await readFile(join(WEB, 'content-security-policy.txt'), 'utf8')).trim();
  let policy = template;
  const server = createServer((request, response) => {
    serve(request, response, backend, policy).catch((error: unknown) => {
      // The client cancelled an upload.
      if (request.destroyed && !request.complete) return;
      console.error(error);
      response.writeHead(500).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  const url = `http://127.0.0.1:${address.port}`;
  // The mock also serves the pictures' links.
  policy = template.replaceAll('${PICTURES_ORIGIN}', url);
  return {
    url,
    backend,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  backend: MockBackend,
  policy: string,
) {
  const url = new URL(request.url ?? '/', `http://${request.headers.host ?? 'localhost'}`);
  const facade = await backend.handle(await toRequest(request, url));
  if (facade !== undefined) {
    response.writeHead(facade.status, Object.fromEntries(facade.headers));
    response.end(Buffer.from(await facade.arrayBuffer()));
    return;
  }
  await serveFile(url.pathname, request, response, policy);
}

async function toRequest(request: IncomingMessage, url: URL): Promise<Request> {
  const { method = 'GET' } = request;
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers.set(name, String(value));
  }
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const bodyless = method === 'GET' || method === 'HEAD';
  return new Request(url, { method, headers, ...(!bodyless && { body: Buffer.concat(chunks) }) });
}

async function serveFile(
  pathname: string,
  request: IncomingMessage,
  response: ServerResponse,
  policy: string,
) {
  const asked = join(DIST, normalize(pathname));
  const isFile = extname(asked) !== '' && asked.startsWith(DIST);
  const path = isFile ? asked : join(DIST, 'index.html');
  const hashed = pathname.startsWith('/assets/');
  const type = TYPES[extname(path)] ?? 'application/octet-stream';
  const accepted = String(request.headers['accept-encoding']);
  const encoding = /\bbr\b/.test(accepted) ? 'br' : /\bgzip\b/.test(accepted) ? 'gzip' : undefined;
  const packed = encoding && (await read(`${path}.${encoding === 'br' ? 'br' : 'gz'}`));
  const bytes = packed ?? (await read(path));
  if (bytes === undefined) {
    response.writeHead(404, { 'content-type': 'text/plain' }).end('not found');
    return;
  }
  response.writeHead(200, {
    'content-type': type,
    'content-length': bytes.length,
    'cache-control': hashed ? 'public, max-age=31536000, immutable' : 'no-cache',
    'content-security-policy': policy,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    ...(packed !== undefined && { 'content-encoding': encoding }),
  });
  response.end(bytes);
}

async function read(path: string): Promise<Buffer | undefined> {
  return readFile(path).catch(() => undefined);
}

/**
 * The part of the supervisor's control socket that the end-to-end tests use: `stop <part>` and
 * `start <part>`, one per line, acknowledged with `ok`. Stopping Kafka takes Events down.
 */
export async function startControlSocket(
  path: string,
  backend: MockBackend,
): Promise<() => Promise<void>> {
  await rm(path, { force: true });
  const server = createSocket((socket) => {
    socket.on('data', (data) => {
      const [verb, part, count] = data.toString().trim().split(' ');
      if (part === 'kafka' && verb === 'stop') backend.down.add('events');
      if (part === 'kafka' && verb === 'start') backend.down.delete('events');
      // Only here: fills a user's library, `seed <username> <count>`.
      if (verb === 'seed' && part !== undefined) seedLibrary(backend, part, Number(count));
      socket.end('ok\n');
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return () => new Promise((resolve) => server.close(() => resolve()));
}
