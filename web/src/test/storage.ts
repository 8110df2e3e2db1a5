/** Everything in the browser's storage, as text. */
export function stored(): string {
  return JSON.stringify([Object.entries(localStorage), Object.entries(sessionStorage)]);
}
