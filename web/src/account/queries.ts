import { useMutation } from '@tanstack/react-query';
import { useRef } from 'react';
import { api, unwrap } from '../api/client';
import { newIdempotencyKey } from '../api/idempotency';
import { cookieUserId, endSession, startSession, validationBody } from '../api/session';
import { deletePendingNow } from '../pictures/deletion';

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

export interface NewPassword {
  readonly username: string;
  readonly current: string;
  readonly next: string;
}

/**
 * Returns the same idempotency key for the same request, so that a retry after a lost response has no
 * second effect. The request, which has passwords, lives no longer than the form.
 */
function useRetryKey() {
  const last = useRef<{ readonly request: string; readonly key: string }>(undefined);
  return {
    keyFor: (request: object): string => {
      const text = JSON.stringify(request);
      if (last.current?.request !== text) {
        last.current = { request: text, key: newIdempotencyKey() };
      }
      return last.current.key;
    },
    forget: () => {
      last.current = undefined;
    },
  };
}

export function useLogin() {
  return useMutation({
    mutationFn: async (credentials: Credentials) => {
      const { data } = await unwrap(api().POST('/login', { body: credentials }));
      startSession(data.access_token, credentials.username);
    },
    // The mutation cache must not keep the password.
    gcTime: 0,
  });
}

export function useSignup() {
  const { keyFor, forget } = useRetryKey();
  return useMutation({
    mutationFn: async (credentials: Credentials) => {
      const headers = { 'idempotency-key': keyFor(credentials) };
      const { data } = await unwrap(api().POST('/signup', { body: credentials, headers }));
      forget();
      startSession(data.access_token, credentials.username);
    },
    gcTime: 0,
  });
}

export function useChangePassword() {
  const { keyFor, forget } = useRetryKey();
  return useMutation({
    mutationFn: async (passwords: NewPassword) => {
      const { username, current, next } = passwords;
      const { data } = await unwrap(
        api().POST('/password', {
          body: { current_password: current, new_password: next },
          headers: { 'idempotency-key': keyFor(passwords) },
        }),
      );
      forget();
      // The old token has been revoked.
      startSession(data.access_token, username);
    },
    gcTime: 0,
  });
}

export function useLogOutEverywhere() {
  return useMutation({
    mutationFn: async () => {
      // What is still offered to be undone is deleted while there is a session.
      await deletePendingNow();
      await unwrap(api().POST('/logout', { body: {} }));
      endSession('logged-out');
    },
  });
}

export function useDeleteAccount() {
  return useMutation({
    mutationFn: async () => {
      await deletePendingNow();
      const user_id = await fetchUserId();
      await unwrap(api().DELETE('/users/{user_id}', { params: { path: { user_id } } }));
      endSession('logged-out');
    },
  });
}

/** The id of the logged-in user. */
export async function fetchUserId(): Promise<string> {
  const known = await cookieUserId();
  if (known !== undefined) return known;
  const { data } = await unwrap(api().POST('/auth', { body: validationBody() }));
  return data.user_id;
}
