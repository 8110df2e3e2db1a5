import { createPrivateKey, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What a running stack says of itself, as far as these tests need it. */
interface Stack {
  readonly gateway_url: string;
  readonly control_socket: string;
  /** The key that signs tokens; the mock has none. */
  readonly token_key_file?: string;
  readonly issuer?: string;
  readonly audience?: string;
}

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** Reads the file that `TRICHROME_STACK` names, else a running `cargo xtask up`'s. */
export function readStack(): Stack {
  const path = resolve(ROOT, process.env['TRICHROME_STACK'] ?? '.local/up/stack.json');
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Stack;
  } catch (cause) {
    throw new Error(
      `no stack is running: ${path} can’t be read; start one with \`cargo xtask up\``,
      { cause },
    );
  }
}

/** Kafka takes its time to start on a machine that is busy otherwise. */
const CONTROL_MS = 150_000;

/** Tells the stack's supervisor to stop or start a part of it. */
export async function control(verb: 'stop' | 'start', part: string): Promise<void> {
  const answer = await new Promise<string>((done, fail) => {
    let text = '';
    const socket = connect(readStack().control_socket, () => socket.write(`${verb} ${part}\n`));
    socket.on('data', (data) => {
      text += data.toString();
      if (text.includes('\n')) socket.end();
    });
    socket.on('close', () => done(text.trim()));
    socket.on('error', fail);
    socket.setTimeout(CONTROL_MS, () => socket.destroy(new Error(`no answer to ${verb} ${part}`)));
  });
  if (answer !== 'ok') throw new Error(`${verb} ${part}: ${answer}`);
}

/** A token of the stack's own making that was valid an hour ago; nonsense where it has no key. */
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
 * The key of a PEM that also holds the public one (RFC 5958, version 2), which Node 20's OpenSSL
 * can't read: its 32 bytes, wrapped anew as version 1.
 */
function ed25519Key(pem: string) {
  const der = Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  const start = der.indexOf(Buffer.from('04220420', 'hex')) + 4;
  const prefix = Buffer.from('302e020100300506032b657004220420', 'hex');
  const key = Buffer.concat([prefix, der.subarray(start, start + 32)]);
  return createPrivateKey({ key, format: 'der', type: 'pkcs8' });
}
