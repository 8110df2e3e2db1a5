import { createPrivateKey, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The fields of a stack's description file that these tests use. */
interface Stack {
  readonly gateway_url: string;
  /** S3's endpoint: the origin of the pictures' links. */
  readonly aws_endpoint: string;
  readonly control_socket: string;
  readonly mock?: boolean;
  /** The key that signs tokens; the mock has none. */
  readonly token_key_file?: string;
  readonly issuer?: string;
  readonly audience?: string;
}

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** Reads the description file in `TRICHROME_STACK`, or that of a running `cargo xtask up`. */
export function readStack(): Stack {
  const path = resolve(ROOT, process.env.TRICHROME_STACK ?? '.local/up/stack.json');
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Stack;
  } catch (cause) {
    throw new Error(
      `no stack is running: ${path} can’t be read; start one with \`cargo xtask up\``,
      { cause },
    );
  }
}

/** Kafka starts slowly on a busy machine. */
const CONTROL_MS = 150_000;

/** Whether the stack is the mock backend, whose pictures needn't be uploaded. */
export const isMock = () => readStack().mock === true;

/** Fills a user's library with pictures of eight years. Only the mock backend can. */
export const seedPictures = (username: string, count: number) =>
  control('seed', `${username} ${count}`);

/** Asks the stack's supervisor to stop or start a part. */
export async function control(verb: 'stop' | 'start' | 'seed', part: string): Promise<void> {
  const reply = await new Promise<string>((done, fail) => {
    let text = '';
    const socket = connect(readStack().control_socket, () => socket.write(`${verb} ${part}\n`));
    socket.on('data', (data) => {
      text += data.toString();
      if (text.includes('\n')) socket.end();
    });
    socket.on('close', () => done(text.trim()));
    socket.on('error', fail);
    socket.setTimeout(CONTROL_MS, () =>
      socket.destroy(new Error(`no response to ${verb} ${part}`)),
    );
  });
  if (reply !== 'ok') throw new Error(`${verb} ${part}: ${reply}`);
}

/** A token signed by the stack's key that expired an hour ago; an invalid token without a key. */
export function expiredToken(userId: string): string {
  const { token_key_file, issuer, audience } = readStack();
  if (token_key_file === undefined) return 'expired';
  const { kid, private_key_pem } = JSON.parse(readFileSync(token_key_file, 'utf8')) as {
    kid: string;
    private_key_pem: string;
  };
  const now = Math.floor(Date.now() / 1000);
  const parts = [
    { alg: 'EdDSA', typ: 'at+jwt', kid },
    { sub: userId, iss: issuer, aud: audience, iat: now - 7200, exp: now - 3600 },
  ];
  const signed = parts
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  const signature = sign(null, Buffer.from(signed), ed25519Key(private_key_pem)).toString(
    'base64url',
  );
  return `${signed}.${signature}`;
}

/**
 * Reads an Ed25519 private key in RFC 5958 version 2, which includes the public key. Node 20's OpenSSL
 * can't parse that version, so the 32 key bytes are repackaged as version 1.
 */
function ed25519Key(pem: string) {
  const der = Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  const start = der.indexOf(Buffer.from('04220420', 'hex')) + 4;
  const prefix = Buffer.from('302e020100300506032b657004220420', 'hex');
  const key = Buffer.concat([prefix, der.subarray(start, start + 32)]);
  return createPrivateKey({ key, format: 'der', type: 'pkcs8' });
}
