/**
 * What the contract takes, checked here too so that a person learns of it before sending.
 * `limits.test.ts` holds each figure against `proto/openapi.json`; the size of a picture is not
 * in the schema and is held by the end-to-end tests.
 */
export const LIMITS = {
  /** A picture's bytes: 4 MiB. */
  pictureBytes: 4 * 1024 * 1024,
  titleLength: 255,
  usernameLength: 255,
  passwordMinLength: 8,
  passwordMaxLength: 128,
} as const;
