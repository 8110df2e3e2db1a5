import createClient, { type Client } from 'openapi-fetch';
import { recordCall, traceIdOf } from './calls';
import { isAbort, toApiError, unreachable } from './errors';
import type { paths } from './schema';
import { authorize } from './session';
import { transportStore } from './transport';
import { type Transport } from '../lib/transports';
import type { Filled } from './types';

type Send = (request: Request) => Promise<Response>;

const plainFetch: Send = (request) => fetch(request);

/** Sends a request over a transport with the session's token, and records the call. */
async function dispatch(transport: Transport, request: Request, send: Send): Promise<Response> {
  const expire = authorize(request);
  const operation = `${request.method} ${new URL(request.url).pathname.slice(transport.length + 1)}`;
  const start = performance.now();
  const record = (status: number, headers: Headers) =>
    recordCall({
      transport,
      operation,
      status,
      durationMs: performance.now() - start,
      traceId: traceIdOf(headers.get('traceparent')),
      requestId: headers.get('x-request-id') ?? '',
      at: new Date(),
    });
  let response: Response;
  try {
    response = await send(request);
  } catch (error) {
    if (isAbort(error)) throw error;
    record(0, new Headers());
    throw unreachable(transport);
  }
  record(response.status, response.headers);
  if (response.status === 401) expire?.();
  return response;
}

function clientOver(transport: Transport): Client<paths> {
  return createClient<paths>({
    baseUrl: `${location.origin}/${transport}`,
    fetch: (request) => dispatch(transport, request, plainFetch),
  });
}

const clients: Readonly<Record<Transport, Client<paths>>> = {
  rest: clientOver('rest'),
  grpc: clientOver('grpc'),
  events: clientOver('events'),
};

/** The contract's operations over the chosen transport. */
export function api(): Client<paths> {
  return clients[transportStore.get()];
}

/** Client options that replace how a request is sent, for example to report upload progress. */
export function sendingWith(send: Send): { fetch: Send } {
  const transport = transportStore.get();
  return { fetch: (request) => dispatch(transport, request, send) };
}

/** Returns the data of a successful response; throws an `ApiError` for any other. */
export async function unwrap<T>(
  call: Promise<{ data?: T; error?: unknown; response: Response }>,
): Promise<{ data: Filled<T>; response: Response }> {
  const transport = transportStore.get();
  const { data, error, response } = await call;
  if (!response.ok) throw toApiError(error, response, transport);
  return { data: data as Filled<T>, response };
}
