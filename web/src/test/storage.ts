/** All that the browser keeps of the app, as one text to search. */
export function stored(): string {
  return JSON.stringify([Object.entries(localStorage), Object.entries(sessionStorage)]);
}
