import type { paths } from './schema';

// The operations of the contract's next version, until `schema.d.ts` has them.

type OnePicture = paths['/pictures/{picture_id}'];

interface Problems {
  400: { content: { 'application/json': { error?: unknown } } };
}

interface Month {
  month: string;
  count: number;
}

interface Entry {
  id: string;
  title: string;
  width: number;
  height: number;
  taken_at: string;
  created_at: string;
  placeholder: string;
  state: string;
  content_type: string;
  size_bytes: number;
}

export interface PendingPaths {
  '/pictures/index': {
    parameters: object;
    get: {
      parameters: {
        query?: { month?: string; order?: string; cursor?: string };
      };
      responses: Problems & {
        200: {
          content: {
            'application/json': {
              months: Month[];
              pictures: Entry[];
              next_cursor: string;
              total: number;
            };
          };
        };
      };
    };
  };
  '/pictures/{picture_id}': Omit<OnePicture, 'get'> & {
    get: Omit<OnePicture['get'], 'parameters'> & {
      parameters: {
        path: { picture_id: string };
        query?: { metadata_only?: boolean };
      };
    };
  };
}

export type AllPaths = Omit<paths, keyof PendingPaths> & PendingPaths;
