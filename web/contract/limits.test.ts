import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { LIMITS } from '../src/lib/limits';
import { TRANSPORTS } from '../src/lib/transports';

interface Schema {
  readonly properties: Readonly<
    Record<
      string,
      { readonly minLength?: number; readonly maxLength?: number; readonly description?: string }
    >
  >;
}

const contract = JSON.parse(
  readFileSync(new URL('../../proto/openapi.json', import.meta.url), 'utf8'),
) as {
  components: { schemas: Record<string, Schema> };
  servers: readonly { variables: { transport: { enum: readonly string[] } } }[];
};

const field = (message: string, name: string) =>
  contract.components.schemas[message]?.properties[name];

it('uses the limits of the contract', () => {
  expect(field('CreateUserPictureRequest', 'title')?.maxLength).toBe(LIMITS.titleLength);
  expect(field('SignupInput', 'username')?.maxLength).toBe(LIMITS.usernameLength);
  expect(field('SignupInput', 'password')?.minLength).toBe(LIMITS.passwordMinLength);
  expect(field('SignupInput', 'password')?.maxLength).toBe(LIMITS.passwordMaxLength);
  expect(field('BeginUploadRequest', 'size_bytes')?.description).toContain(
    `at most ${LIMITS.pictureBytes / 1024 / 1024} MiB`,
  );
});

it('offers the transports of the facade', () => {
  expect(contract.servers[0]?.variables.transport.enum).toEqual([...TRANSPORTS]);
});
