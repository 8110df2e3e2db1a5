import { describe, expect, it } from 'vitest';
import { ApiError, describeError, toApiError } from './errors';

const response = (status: number, id = 'from-header') =>
  new Response(null, {
    status,
    headers: { 'x-request-id': id, traceparent: `00-${'a1'.repeat(16)}-${'b2'.repeat(8)}-01` },
  });

describe('toApiError', () => {
  it('reads an error body of the contract', () => {
    const body = { error: { code: 'NOT_FOUND', message: 'no such picture', request_id: 'r-1' } };
    expect(toApiError(body, response(404), 'grpc')).toMatchObject({
      code: 'NOT_FOUND',
      message: 'no such picture',
      status: 404,
      transport: 'grpc',
      requestId: 'r-1',
      traceId: 'a1'.repeat(16),
    });
  });

  it.each([undefined, '<html>', { error: 'text' }, { error: { code: 1 } }])(
    'falls back to the headers for body %j',
    (body) => {
      expect(toApiError(body, response(502), 'rest')).toMatchObject({
        code: 'UNKNOWN',
        status: 502,
        requestId: 'from-header',
      });
    },
  );
});

it.each([
  [0, 'Trichrome can’t be reached. Check your connection and try again.'],
  [400, 'Title is too long.'],
  [429, 'Too many requests at once. Wait a moment and try again.'],
  [500, 'Something went wrong on the server. Try again.'],
  [503, 'gRPC isn’t responding right now.'],
  [504, 'gRPC isn’t responding right now.'],
])('describes status %i', (status, text) => {
  expect(describeError(new ApiError('title is too long', 'X', status, 'grpc', ''))).toBe(text);
});

it('asks to choose a changed file again', () => {
  const error = new DOMException('changed', 'NotReadableError');
  expect(describeError(error)).toBe('The file has changed since it was chosen. Choose it again.');
});
