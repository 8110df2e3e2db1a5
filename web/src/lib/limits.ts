/**
 * The contract's limits, checked before sending so that the user gets feedback early.
 * `contract/limits.test.ts` compares them with `proto/openapi.json`. The picture size is only in a
 * description there; the end-to-end tests check it too.
 */
export const LIMITS = {
  pictureBytes: 64 * 1024 * 1024,
  titleLength: 255,
  usernameLength: 255,
  passwordMinLength: 8,
  passwordMaxLength: 128,
} as const;
