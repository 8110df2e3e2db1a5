/**
 * An in-memory mock of the gateway's facade, for component tests and for developing without a stack
 * (`npm run dev:mock`). It isn't part of the built app. Its responses are typed by the contract; the
 * end-to-end tests check the real service.
 */
import { isTransport, type Transport } from '../src/lib/transports';
import type { LogEntry, PictureIndex, Totals } from '../src/api/types';
import type { PictureInfo } from '../src/pictures/requests';
import { filedAt, monthOf } from '../src/pictures/dates';
import { LIMITS } from '../src/lib/limits';
import { omit } from '../src/lib/omit';
import { sizeOf } from './size';
import { imageTypeOf } from '../src/uploads/checkFile';
import { MockStorage, type MockUpload } from './storage';

interface User {
  readonly id: string;
  readonly username: string;
  readonly password: string;
}

interface Call {
  readonly request: Request;
  readonly transport: Transport;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly params: readonly string[];
  /** Empty for public operations. */
  readonly userId: string;
}

interface Route {
  readonly method: string;
  readonly path: RegExp;
  /** `service/Method`, for the call log. */
  readonly operation: string;
  readonly isPublic?: boolean;
  readonly handle: (call: Call) => Response | Promise<Response>;
}

class Failure extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

const json = (value: unknown, status = 200, headers: Record<string, string> = {}) =>
  Response.json(value, { status, headers });
const empty = () => new Response(null, { status: 204 });
const hex = (bytes: number) =>
  Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (b) =>
    b.toString(16).padStart(2, '0'),
  ).join('');

/** A picture without its links, which are new with every response. */
type Stored = Omit<PictureInfo, 'links'> & {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** What the service would derive; the original otherwise. */
  readonly thumbnail?: Uint8Array<ArrayBuffer>;
  /** As AVIF, which the service leaves to browsers. */
  readonly withoutThumbnail?: boolean;
};

const hasThumbnail = ({ state, withoutThumbnail }: Stored) =>
  state === 'ready' && withoutThumbnail !== true;

/** What the service reads from a picture's bytes. */
export type Derived = Partial<
  Pick<
    Stored,
    | 'width'
    | 'height'
    | 'taken_at'
    | 'placeholder'
    | 'state'
    | 'thumbnail'
    | 'withoutThumbnail'
    | 'damage'
  >
>;

/** The path of the links to pictures, which need no token. */
const LINKS = '/mock-pictures/';

/** How long links work, in milliseconds. */
const LINKS_VALID_MS = 3_600_000;

/** As long as the session token of a function's credentials. */
const TOKEN = 'IQoJb3JpZ2luX2VjE'.repeat(50);

/** The most entries of an index page. */
const INDEX_PAGE = 200;

/** A ThumbHash of an evening sky over a dark shore. */
const PLACEHOLDER = '1QcSHQRnh493V4dIh4eXh1h4kJUI';

export class MockBackend {
  /** Transports that respond with 503. */
  readonly down = new Set<Transport>();
  /** The response time of each transport in milliseconds. */
  readonly latency: Record<Transport, number> = { rest: 0, grpc: 0, events: 0 };
  /** Every request received, oldest first. */
  readonly requests: { method: string; url: string; headers: Headers }[] = [];
  /** One-time responses: each replaces the response to the next matching call. */
  readonly overrides: {
    match: (request: Request) => boolean;
    respond: () => Response | Promise<Response>;
  }[] = [];

  /** Uploads, and what they have stored. */
  readonly storage = new MockStorage();

  private readonly users = new Map<string, User>();
  private readonly tokens = new Map<string, string>();
  private pictures: Stored[] = [];
  /** Downloads of pictures' bytes, oldest first: `<id>/<variant>`. */
  readonly downloads: string[] = [];
  /** How often the credentials that sign links have changed. */
  private signers = 0;
  private readonly idempotent = new Map<string, unknown>();
  private logs: LogEntry[] = [];
  private lastPictureAt = 0;

  /** The operations that the app calls; `contract/mock.test.ts` compares them with the contract. */
  readonly routes: readonly Route[] = [
    {
      method: 'POST',
      path: /^\/signup$/,
      operation: 'auth/Signup',
      isPublic: true,
      handle: (call) => this.signup(call),
    },
    {
      method: 'POST',
      path: /^\/login$/,
      operation: 'auth/Login',
      isPublic: true,
      handle: (call) => this.login(call),
    },
    {
      method: 'POST',
      path: /^\/password$/,
      operation: 'auth/ChangePassword',
      handle: (call) => this.changePassword(call),
    },
    {
      method: 'POST',
      path: /^\/logout$/,
      operation: 'auth/RevokeTokens',
      handle: ({ userId }) => this.revoke(userId),
    },
    {
      method: 'POST',
      path: /^\/auth$/,
      operation: 'auth/ValidateRpcRequest',
      isPublic: true,
      handle: (call) => this.validate(call),
    },
    {
      method: 'DELETE',
      path: /^\/users\/([^/]+)$/,
      operation: 'users/DeleteUser',
      handle: (call) => this.deleteUser(call),
    },
    {
      method: 'GET',
      path: /^\/pictures$/,
      operation: 'pictures/GetUserPictures',
      handle: (call) => this.list(call),
    },
    {
      method: 'POST',
      path: /^\/pictures$/,
      operation: 'pictures/CreateUserPicture',
      handle: (call) => this.create(call),
    },
    {
      method: 'GET',
      path: /^\/pictures\/index$/,
      operation: 'pictures/GetPictureIndex',
      handle: (call) => this.index(call),
    },
    {
      method: 'GET',
      path: /^\/pictures\/([^/]+)$/,
      operation: 'pictures/GetUserPicture',
      handle: (call) => this.get(call),
    },
    {
      method: 'PATCH',
      path: /^\/pictures\/([^/]+)$/,
      operation: 'pictures/UpdateUserPicture',
      handle: (call) => this.rename(call),
    },
    {
      method: 'POST',
      path: /^\/uploads$/,
      operation: 'pictures/BeginUpload',
      handle: (call) => this.beginUpload(call),
    },
    {
      method: 'GET',
      path: /^\/uploads\/([^/]+)$/,
      operation: 'pictures/GetUpload',
      handle: (call) => json(this.storage.describe(this.ownUpload(call), originOf(call.request))),
    },
    {
      method: 'POST',
      path: /^\/uploads\/([^/]+)\/complete$/,
      operation: 'pictures/CompleteUpload',
      handle: (call) => this.completeUpload(call),
    },
    {
      method: 'DELETE',
      path: /^\/uploads\/([^/]+)$/,
      operation: 'pictures/AbortUpload',
      handle: (call) => this.abortUpload(call),
    },
    {
      method: 'DELETE',
      path: /^\/pictures\/([^/]+)$/,
      operation: 'pictures/DeleteUserPicture',
      handle: (call) => this.remove(call),
    },
    {
      method: 'GET',
      path: /^\/analytics$/,
      operation: 'analytics/GetLog',
      handle: (call) => this.analytics(call),
    },
  ];

  /** Handles a request to the facade, the session or the storage; undefined for any other path. */
  async handle(request: Request): Promise<Response | undefined> {
    const url = new URL(request.url);
    if (url.pathname.startsWith(LINKS)) {
      const signature = url.searchParams.get('signature') ?? '';
      return this.download(url.pathname.slice(LINKS.length), signature);
    }
    if (url.pathname === '/session') return this.session(request);
    const stored = await this.storage.handle(request);
    if (stored !== undefined) return stored;
    const [, transport, ...rest] = url.pathname.split('/');
    if (!isTransport(transport)) return undefined;
    const path = `/${rest.join('/')}`;
    this.requests.push({
      method: request.method,
      url: path + url.search,
      headers: request.headers,
    });

    const started = performance.now();
    const traceId = hex(16);
    const requestId = crypto.randomUUID();
    const route = this.routes.find(
      ({ method, path: own }) => method === request.method && own.test(path),
    );
    if (this.latency[transport] > 0) {
      await new Promise((resolve) =>
        setTimeout(resolve, this.latency[transport] * (0.7 + Math.random() * 0.6)),
      );
    }

    let userId = '';
    let response: Response;
    try {
      const override = this.overrides.findIndex(({ match }) => match(request));
      if (override >= 0) {
        const [taken] = this.overrides.splice(override, 1);
        response = (await taken?.respond()) ?? empty();
      } else {
        if (this.down.has(transport))
          throw new Failure(
            503,
            'UNAVAILABLE',
            `${transport} is not available; try another transport`,
          );
        if (route === undefined)
          throw new Failure(404, 'NOT_FOUND', `no operation at ${request.method} ${path}`);
        userId = route.isPublic === true ? '' : this.authenticate(request);
        const params = route.path.exec(path)?.slice(1) ?? [];
        response = await route.handle({
          request,
          transport,
          path,
          query: url.searchParams,
          params,
          userId,
        });
      }
    } catch (error) {
      const failure =
        error instanceof Failure ? error : new Failure(500, 'INTERNAL', String(error));
      const { code, message, status } = failure;
      response = json(
        { error: { code, message, request_id: requestId, trace_id: traceId } },
        status,
      );
    }
    // `Response.error()` simulates a lost connection.
    if (response.type === 'error') return response;
    response.headers.set('x-request-id', requestId);
    response.headers.set('traceparent', `00-${traceId}-${hex(8)}-01`);
    const [service = '', method = ''] = (route?.operation ?? '/').split('/');
    if (service !== '') {
      this.logs.unshift({
        transport,
        service,
        method,
        status: response.status,
        duration_ms: performance.now() - started,
        user_id: userId,
        trace_id: traceId,
        at: new Date().toISOString(),
        id: crypto.randomUUID(),
        client: false,
      });
    }
    return response;
  }

  /** Creates a user without a call, unless it exists; returns a token for it. */
  addUser(username: string, password: string): string {
    const user = this.users.get(username) ?? { id: crypto.randomUUID(), username, password };
    this.users.set(user.username, user);
    return this.issue(user);
  }

  /** Stores a picture without a call. */
  addPicture(
    username: string,
    title: string,
    base64: string,
    createdAt?: Date,
    derived?: Derived,
  ): { readonly id: string } {
    const user = this.users.get(username);
    if (user === undefined) throw new Error(`no user ${username}`);
    return this.store(user.id, title, base64, createdAt, derived);
  }

  userIdOf(username: string): string {
    return this.users.get(username)?.id ?? '';
  }

  addLogs(logs: readonly LogEntry[]): void {
    this.logs = [...this.logs, ...logs].sort((a, b) => b.at.localeCompare(a.at));
  }

  /** Expires every token. */
  expireSessions(): void {
    this.tokens.clear();
  }

  get storedPictures(): readonly { readonly id: string; readonly title: string }[] {
    return this.pictures;
  }

  private issue(user: User): string {
    const token = `mock.${hex(12)}`;
    this.tokens.set(token, user.id);
    return token;
  }

  /** The session cookie, as the gateway serves it. */
  private session(request: Request): Response {
    const token = request.method === 'PUT' ? bearerOf(request) : cookieOf(request);
    const set = (value: string, age: number) =>
      `${COOKIE}=${value}; Path=/; Max-Age=${age}; Secure; HttpOnly; SameSite=Strict`;
    if (request.method === 'DELETE') {
      return new Response(null, { status: 204, headers: { 'set-cookie': set('', 0) } });
    }
    const user_id = token === undefined ? undefined : this.tokens.get(token);
    if (token === undefined || user_id === undefined) return json({}, 401);
    if (request.method === 'PUT') {
      return new Response(null, { status: 204, headers: { 'set-cookie': set(token, 3600) } });
    }
    return json({ user_id, expires_at: new Date(Date.now() + 3_600_000).toISOString() });
  }

  private authenticate(request: Request): string {
    const token = bearerOf(request) ?? cookieOf(request);
    const userId = token === undefined ? undefined : this.tokens.get(token);
    if (userId === undefined)
      throw new Failure(
        401,
        'UNAUTHENTICATED',
        'the token is missing, malformed or has expired; log in again',
      );
    return userId;
  }

  private async signup({ request }: Call): Promise<Response> {
    const { username, password } = await credentials(request);
    if (Array.from(password).length < LIMITS.passwordMinLength) {
      throw new Failure(
        400,
        'INVALID_ARGUMENT',
        `password must have at least ${LIMITS.passwordMinLength} characters`,
      );
    }
    const previous = this.remembered(request);
    if (previous !== undefined) return json(previous, 201);
    if (this.users.has(username))
      throw new Failure(409, 'ALREADY_EXISTS', 'username is taken; choose another one');
    return json(this.remember(request, { access_token: this.addUser(username, password) }), 201);
  }

  private async login({ request }: Call): Promise<Response> {
    const { username, password } = await credentials(request);
    const user = this.users.get(username);
    if (user?.password !== password)
      throw new Failure(401, 'UNAUTHENTICATED', 'username or password is wrong');
    return json({ access_token: this.issue(user) });
  }

  private async changePassword({ request, userId }: Call): Promise<Response> {
    const { current_password, new_password } = (await request.json()) as Record<string, string>;
    const user = [...this.users.values()].find(({ id }) => id === userId);
    if (user === undefined) throw new Failure(401, 'UNAUTHENTICATED', 'the user is gone');
    if (user.password !== current_password)
      throw new Failure(403, 'PERMISSION_DENIED', '"current_password" is wrong; check it');
    const changed = { ...user, password: new_password ?? '' };
    this.users.set(user.username, changed);
    this.revoke(userId);
    return json({ access_token: this.issue(changed) });
  }

  private revoke(userId: string): Response {
    for (const [token, owner] of this.tokens) if (owner === userId) this.tokens.delete(token);
    return empty();
  }

  private async validate({ request }: Call): Promise<Response> {
    const { access_token } = (await request.json()) as { access_token: string };
    const user_id = this.tokens.get(access_token);
    if (user_id === undefined)
      throw new Failure(401, 'UNAUTHENTICATED', 'the token is not valid; log in again');
    return json({ user_id });
  }

  private deleteUser({ params: [id], userId }: Call): Response {
    if (id !== userId) throw new Failure(403, 'PERMISSION_DENIED', 'user_id must be your own');
    for (const user of this.users.values()) if (user.id === id) this.users.delete(user.username);
    for (const [token, owner] of this.tokens) if (owner === id) this.tokens.delete(token);
    this.pictures = this.pictures.filter((picture) => picture.user_id !== id);
    return empty();
  }

  private list({ query, request, userId }: Call): Response {
    const limit = Number(query.get('limit') ?? '0') || 20;
    const cursor = query.get('cursor');
    const own = this.pictures.filter((picture) => picture.user_id === userId);
    const from = cursor === null ? 0 : own.findIndex(({ id }) => id === cursor) + 1;
    const page = own.slice(from, from + limit);
    const next = from + limit < own.length ? (page.at(-1)?.id ?? '') : '';
    const bare = query.get('metadata_only') === 'true';
    const pictures = page.map((picture) => this.message(picture, request, bare));
    return json(pictures, 200, { 'next-cursor': next });
  }

  private get(call: Call): Response {
    const bare = call.query.get('metadata_only') === 'true';
    return json(this.message(this.own(call), call.request, bare));
  }

  private async rename(call: Call): Promise<Response> {
    const { title } = (await call.request.json()) as { title: string };
    const renamed = { ...this.own(call), title };
    this.pictures = this.pictures.map((one) => (one.id === renamed.id ? renamed : one));
    return json(this.message(renamed, call.request, true));
  }

  private index({ query, request, userId }: Call): Response {
    const order = query.get('order') === 'created' ? 'created' : 'taken';
    const own = this.pictures
      .filter((picture) => picture.user_id === userId)
      .sort((a, b) => (filedAt(a, order) < filedAt(b, order) ? 1 : -1));
    const month = query.get('month');
    if (month === null) {
      const counts = new Map<string, number>();
      for (const picture of own) {
        const of = monthOf(picture, order);
        counts.set(of, (counts.get(of) ?? 0) + 1);
      }
      const months = [...counts].map(([month, count]) => ({ month, count }));
      return json({ months, pictures: [], next_cursor: '', total: own.length });
    }
    const inMonth = own.filter((picture) => monthOf(picture, order) === month);
    const cursor = query.get('cursor');
    const from = cursor === null ? 0 : inMonth.findIndex(({ id }) => id === cursor) + 1;
    const page = inMonth.slice(from, from + INDEX_PAGE);
    const next_cursor = from + INDEX_PAGE < inMonth.length ? (page.at(-1)?.id ?? '') : '';
    const links = query.get('links') === 'true';
    const pictures = page.map((picture): PictureIndex['pictures'][number] => {
      const { id, title, taken_at, created_at, placeholder, state, content_type } = picture;
      const { width, height, size_bytes } = picture;
      const known = { id, title, taken_at, created_at, placeholder, state, content_type };
      const thumbnail = links && hasThumbnail(picture) ? this.link(id, 'thumbnail', request) : '';
      return { ...known, width, height, size_bytes, thumbnail };
    });
    const expires = links ? { links_expire_at: this.expiry() } : {};
    return json({ months: [], pictures, next_cursor, total: inMonth.length, ...expires });
  }

  private message(picture: Stored, request: Request, bare: boolean) {
    const link = (variant: string) => this.link(picture.id, variant, request);
    const derived = (variant: string) => (hasThumbnail(picture) ? link(variant) : '');
    return {
      ...omit(picture, 'bytes', 'thumbnail', 'withoutThumbnail'),
      base64: bare ? '' : Buffer.from(picture.bytes).toString('base64'),
      links: {
        original: link('original'),
        preview: derived('preview'),
        thumbnail: derived('thumbnail'),
        expires_at: this.expiry(),
      },
    };
  }

  private expiry(): string {
    return new Date(Date.now() + LINKS_VALID_MS).toISOString();
  }

  /** A link to a variant: like a presigned one, it is different every time, and about as long. */
  private link(id: string, variant: string, request: Request): string {
    const { origin } = new URL(request.url);
    const signed = `${this.signers}.${hex(8)}`;
    return `${origin}${LINKS}${id}/${variant}?signature=${signed}&token=${TOKEN}`;
  }

  /** Makes the storage refuse all links so far, as if the credentials that signed them had ended. */
  endLinks(): void {
    this.signers += 1;
  }

  private download(path: string, signature: string): Response {
    if (!signature.startsWith(`${this.signers}.`)) {
      const headers = { 'access-control-allow-origin': '*' };
      return new Response('ExpiredToken', { status: 403, headers });
    }
    const [id, variant] = path.split('/');
    const picture = this.pictures.find((one) => one.id === id);
    if (picture === undefined) return new Response('NoSuchKey', { status: 404 });
    this.downloads.push(path);
    const derived = variant === 'original' ? undefined : picture.thumbnail;
    return new Response(derived ?? picture.bytes, {
      headers: {
        'content-type': derived === undefined ? picture.content_type : 'image/png',
        'access-control-allow-origin': '*',
        'cache-control': 'private, max-age=31536000, immutable',
      },
    });
  }

  private async create({ request, userId }: Call): Promise<Response> {
    const { title, base64 } = (await request.json()) as { title: string; base64: string };
    const previous = this.remembered(request);
    if (previous !== undefined) return json(previous, 201);
    const picture = this.message(this.store(userId, title, base64), request, true);
    return json(this.remember(request, picture), 201);
  }

  /** A new id. Ids sort by time, as UUIDs of version 7 do. */
  private newId(createdAt: Date): string {
    this.lastPictureAt = Math.max(this.lastPictureAt + 1, createdAt.getTime());
    const time = this.lastPictureAt.toString(16).padStart(12, '0');
    return `${time.slice(0, 8)}-${time.slice(8)}-7${hex(2).slice(1)}-8${hex(2).slice(1)}-${hex(6)}`;
  }

  private store(
    userId: string,
    title: string,
    base64: string,
    createdAt = new Date(),
    derived: Derived = {},
    id = this.newId(createdAt),
  ): Stored {
    const bytes = Uint8Array.from(Buffer.from(base64, 'base64'));
    const content_type = imageTypeOf(bytes);
    if (content_type === undefined)
      throw new Failure(
        400,
        'INVALID_ARGUMENT',
        'base64 holds no picture; send PNG, JPEG, GIF, WebP or AVIF',
      );
    if (bytes.length > LIMITS.pictureBytes)
      throw new Failure(413, 'PAYLOAD_TOO_LARGE', 'the picture is larger than 4 MiB');
    const size = sizeOf(bytes) ?? { width: 1200, height: 800 };
    const { width = size.width, height = size.height, ...rest } = derived;
    const picture: Stored = {
      id,
      title,
      bytes,
      user_id: userId,
      content_type,
      size_bytes: bytes.length,
      width,
      height,
      displayed_width: width,
      displayed_height: height,
      created_at: createdAt.toISOString(),
      taken_at: '',
      placeholder: PLACEHOLDER,
      state: 'ready',
      damage: '',
      ...rest,
    };
    this.pictures.unshift(picture);
    return picture;
  }

  private async beginUpload({ request, userId }: Call): Promise<Response> {
    const body = (await request.json()) as {
      title: string;
      size_bytes: number;
      content_type: string;
      checksums: readonly string[];
    };
    if (body.size_bytes > LIMITS.pictureBytes)
      throw new Failure(413, 'PAYLOAD_TOO_LARGE', 'the picture is larger than 64 MiB');
    const previous = this.remembered(request) as { id: string } | undefined;
    const known = previous === undefined ? undefined : this.storage.uploads.get(previous.id);
    const upload =
      known ??
      this.storage.begin(
        {
          userId,
          title: body.title,
          size: body.size_bytes,
          contentType: body.content_type,
          checksums: body.checksums,
        },
        this.newId(new Date()),
      );
    this.remember(request, { id: upload.id });
    return json(this.storage.describe(upload, originOf(request)), 201);
  }

  private ownUpload({ params: [id = ''], userId }: Call): MockUpload {
    const upload = this.storage.uploads.get(id);
    if (upload?.userId !== userId)
      throw new Failure(404, 'NOT_FOUND', 'there is no such upload; begin a new one');
    return upload;
  }

  private completeUpload(call: Call): Response {
    const upload = this.ownUpload(call);
    const done = this.pictures.find(({ id }) => id === upload.id);
    if (done !== undefined) return json(this.message(done, call.request, true));
    const bytes = this.storage.assemble(upload);
    if (bytes === undefined)
      throw new Failure(409, 'CONFLICT', 'some parts have not arrived; send them first');
    const picture = this.store(
      upload.userId,
      upload.title,
      bytes.toString('base64'),
      new Date(),
      {},
      upload.id,
    );
    upload.completed = true;
    upload.parts.clear();
    return json(this.message(picture, call.request, true));
  }

  private abortUpload({ params: [id = ''], userId }: Call): Response {
    if (this.storage.uploads.get(id)?.userId === userId) this.storage.uploads.delete(id);
    return empty();
  }

  private own({ params: [id], userId }: Call): Stored {
    const picture = this.pictures.find((one) => one.id === id && one.user_id === userId);
    if (picture === undefined) throw new Failure(404, 'NOT_FOUND', 'there is no such picture');
    return picture;
  }

  private remove(call: Call): Response {
    const { id } = this.own(call);
    this.pictures = this.pictures.filter((picture) => picture.id !== id);
    return empty();
  }

  private remembered(request: Request): unknown {
    return this.idempotent.get(request.headers.get('idempotency-key') ?? '');
  }

  private remember<T>(request: Request, response: T): T {
    const key = request.headers.get('idempotency-key');
    if (key !== null) this.idempotent.set(key, response);
    return response;
  }

  private analytics({ query, userId }: Call): Response {
    const exact = (['transport', 'service', 'method'] as const).map(
      (name) => [name, query.get(name)] as const,
    );
    const since = query.get('since') ?? '';
    const errorsOnly = query.get('errors_only') === 'true';
    const own = query.get('own') === 'true';
    const found = this.logs.filter(
      (entry) =>
        exact.every(([name, value]) => value === null || entry[name] === value) &&
        entry.at >= since &&
        (!errorsOnly || entry.status >= 400) &&
        (!own || entry.user_id === userId),
    );
    const limit = Number(query.get('limit') ?? '0') || 50;
    const cursor = query.get('cursor');
    const from = cursor === null ? 0 : found.findIndex(({ id }) => id === cursor) + 1;
    const logs = found.slice(from, from + limit);
    const next_cursor = from + limit < found.length ? (logs.at(-1)?.id ?? '') : '';
    return json({
      logs,
      next_cursor,
      ...(query.get('totals') === 'true' && { totals: totalsOf(found) }),
    });
  }
}

const COOKIE = '__Host-trichrome-session';

const bearerOf = (request: Request) =>
  /^Bearer (.+)$/.exec(request.headers.get('authorization') ?? '')?.[1];

/** The token in the session cookie, if the request comes from the app. */
function cookieOf(request: Request): string | undefined {
  if (request.headers.get('x-session') !== 'cookie') return undefined;
  // Browsers say where a request comes from; other clients don't.
  if ((request.headers.get('sec-fetch-site') ?? 'same-origin') !== 'same-origin') return undefined;
  const cookies = (request.headers.get('cookie') ?? '').split('; ');
  return cookies.find((one) => one.startsWith(`${COOKIE}=`))?.slice(COOKIE.length + 1);
}

const originOf = (request: Request) => new URL(request.url).origin;

async function credentials(request: Request): Promise<{ username: string; password: string }> {
  return (await request.json()) as { username: string; password: string };
}

function totalsOf(logs: readonly LogEntry[]): Totals {
  const times = logs.map(({ at }) => Date.parse(at));
  const first = Math.min(...times);
  const length = Math.max(1, (Math.max(...times) + 1 - first) / 24);
  const buckets =
    logs.length === 0
      ? []
      : Array.from({ length: 24 }, (_, index) => {
          const inside = logs.filter(
            (_, at) => Math.floor(((times[at] ?? 0) - first) / length) === index,
          );
          const { calls, errors, p95_ms } = figures(inside);
          return { start: new Date(first + index * length).toISOString(), calls, errors, p95_ms };
        });
  return {
    ...figures(logs),
    by_transport: grouped(logs, ({ transport }) => transport),
    by_operation: grouped(logs, ({ service, method }) => `${service}/${method}`),
    over_time: buckets,
  };
}

function grouped(
  logs: readonly LogEntry[],
  by: (entry: LogEntry) => string,
): Totals['by_operation'] {
  const groups = new Map<string, LogEntry[]>();
  for (const entry of logs) groups.set(by(entry), [...(groups.get(by(entry)) ?? []), entry]);
  return [...groups]
    .map(([name, entries]) => ({ name, ...figures(entries) }))
    .sort((a, b) => b.calls - a.calls);
}

function figures(
  logs: readonly LogEntry[],
): Pick<Totals, 'calls' | 'errors' | 'p50_ms' | 'p95_ms'> {
  const sorted = logs.map(({ duration_ms }) => duration_ms).sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor((sorted.length - 1) * share)] ?? 0;
  const errors = logs.filter(({ status }) => status >= 400).length;
  return { calls: logs.length, errors, p50_ms: at(0.5), p95_ms: at(0.95) };
}
