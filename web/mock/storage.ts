import { createHash, randomUUID } from 'node:crypto';
import { partsOf } from '../src/uploads/parts';

/** An upload that hasn't been completed or was completed. */
export interface MockUpload {
  readonly id: string;
  readonly userId: string;
  readonly title: string;
  readonly size: number;
  readonly contentType: string;
  readonly checksums: readonly string[];
  readonly parts: Map<number, Buffer>;
  completed: boolean;
}

/** Where the mock serves presigned requests, on its own origin. */
export const STORAGE_PATH = '/mock-s3/';

/** How long a presigned request works, in milliseconds. */
const VALID_MS = 15 * 60_000;

/** A stand-in for S3: presigned PUTs of parts, and presigned GETs of objects. */
export class MockStorage {
  readonly uploads = new Map<string, MockUpload>();
  private readonly objects = new Map<string, { readonly bytes: Buffer; readonly type: string }>();
  private readonly signed = new Map<
    string,
    { readonly expires: number; readonly handle: (body: Buffer) => Response }
  >();

  begin(upload: Omit<MockUpload, 'id' | 'parts' | 'completed'>, id: string): MockUpload {
    const begun = { ...upload, id, parts: new Map<number, Buffer>(), completed: false };
    this.uploads.set(id, begun);
    return begun;
  }

  /** An upload as the service describes it, with new URLs for the parts that haven't arrived. */
  describe(upload: MockUpload, origin: string) {
    const expires_at = new Date(Date.now() + VALID_MS).toISOString();
    return {
      id: upload.id,
      title: upload.title,
      size_bytes: upload.size,
      content_type: upload.contentType,
      state: upload.completed ? 'completed' : 'open',
      expires_at: new Date(Date.now() + 24 * 3_600_000).toISOString(),
      parts: partsOf(upload.size).map(({ number, start, end }) => {
        const arrived = upload.completed || upload.parts.has(number);
        const part = { number, size_bytes: end - start, arrived };
        if (arrived) return part;
        const checksum = upload.checksums[number - 1] ?? '';
        return {
          ...part,
          request: {
            method: 'PUT',
            url: origin + this.sign((body) => this.accept(upload, number, end - start, body)),
            headers: [
              { name: 'content-type', value: upload.contentType },
              { name: 'x-amz-checksum-sha256', value: checksum },
            ],
            expires_at,
          },
        };
      }),
    };
  }

  /** The bytes of an upload whose parts have all arrived, or undefined. */
  assemble(upload: MockUpload): Buffer | undefined {
    const parts = partsOf(upload.size).map(({ number }) => upload.parts.get(number));
    return parts.every((part) => part !== undefined) ? Buffer.concat(parts) : undefined;
  }

  store(key: string, bytes: Buffer, type: string): void {
    this.objects.set(key, { bytes, type });
  }

  delete(key: string): void {
    this.objects.delete(key);
  }

  /** A presigned link to an object. */
  link(key: string, origin: string): string {
    return (
      origin +
      this.sign(() => {
        const object = this.objects.get(key);
        if (object === undefined) return new Response('NoSuchKey', { status: 404 });
        return new Response(Uint8Array.from(object.bytes), {
          headers: {
            'content-type': object.type,
            'cache-control': 'private, max-age=31536000, immutable',
          },
        });
      })
    );
  }

  /** Handles a presigned request; returns undefined for any other path. */
  async handle(request: Request): Promise<Response | undefined> {
    const { pathname } = new URL(request.url);
    if (!pathname.startsWith(STORAGE_PATH)) return undefined;
    const signed = this.signed.get(pathname.slice(STORAGE_PATH.length));
    if (signed === undefined || signed.expires < Date.now()) {
      return new Response('AccessDenied', { status: 403 });
    }
    const body = Buffer.from(await request.arrayBuffer());
    const response = signed.handle(body);
    response.headers.set('access-control-allow-origin', '*');
    return response;
  }

  private sign(handle: (body: Buffer) => Response): string {
    const name = randomUUID();
    this.signed.set(name, { expires: Date.now() + VALID_MS, handle });
    return STORAGE_PATH + name;
  }

  private accept(upload: MockUpload, number: number, size: number, body: Buffer): Response {
    const checksum = createHash('sha256').update(body).digest('base64');
    const announced = body.length === size && checksum === upload.checksums[number - 1];
    if (!announced) return new Response('BadDigest', { status: 400 });
    upload.parts.set(number, body);
    return new Response(null);
  }
}
