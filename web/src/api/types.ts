import type { paths } from './schema';

// Short names for the contract's shapes, taken from the operations that answer them, so that
// they follow the contract whatever its messages are called.

type Json<R> = R extends { content: { 'application/json': infer Body } } ? Body : never;

/**
 * An answer's fields, all of them there: proto3 knows no absent text or number, and the service
 * sends every field. (The schema calls them optional where the same message may be sent.)
 */
export type Filled<T> = T extends readonly (infer Item)[]
  ? readonly Filled<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]-?: Filled<NonNullable<T[Key]>> }
    : T;

type Answer<Operation> = Operation extends { responses: infer Responses }
  ? Filled<Json<Responses[keyof Responses & (200 | 201)]>>
  : never;

export type Picture = Answer<paths['/pictures/{picture_id}']['get']>;
/** `totals` are there only where they were asked for. */
export type LogPage = Answer<paths['/analytics']['get']>;
export type LogFilters = NonNullable<paths['/analytics']['get']['parameters']['query']>;
export type LogEntry = LogPage['logs'][number];
export type Totals = LogPage['totals'];
