/** Returns a copy of an object without some of its properties. */
export function omit<T extends object, Key extends keyof T>(
  value: T,
  ...keys: readonly Key[]
): Omit<T, Key> {
  const left = Object.entries(value).filter(([key]) => !keys.some((other) => other === key));
  return Object.fromEntries(left) as Omit<T, Key>;
}
