import type { paths } from './schema';

// Short names for the contract's types. They are derived from the operations' responses, so renamed
// messages in the contract don't affect them.

type Json<R> = R extends { content: { 'application/json': infer Body } } ? Body : never;

/**
 * A response type with every field required. The schema marks fields as optional when the message
 * is also used in requests, but the service always sends all of them.
 */
export type Filled<T> = T extends readonly (infer Item)[]
  ? readonly Filled<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]-?: Filled<NonNullable<T[Key]>> }
    : T;

type ResponseOf<Operation> = Operation extends { responses: infer Responses }
  ? Filled<Json<Responses[keyof Responses & (200 | 201)]>>
  : never;

export type Picture = ResponseOf<paths['/pictures/{picture_id}']['get']>;
/** `totals` is only present if requested. */
export type LogPage = ResponseOf<paths['/analytics']['get']>;
export type LogFilters = NonNullable<paths['/analytics']['get']['parameters']['query']>;
export type LogEntry = LogPage['logs'][number];
export type Totals = LogPage['totals'];
export type PictureIndex = ResponseOf<paths['/pictures/index']['get']>;
/** A picture in the index: what the timeline needs before its bytes, without the link to them. */
export type IndexEntry = Omit<PictureIndex['pictures'][number], 'thumbnail'>;
/** A month that has pictures, for example `2026-07`. */
export type PictureMonth = PictureIndex['months'][number];
