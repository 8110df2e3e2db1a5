import { useMutation } from '@tanstack/react-query';
import { useRef } from 'react';
import { api, unwrap } from '../api/client';
import { newIdempotencyKey } from '../api/idempotency';
import { endSession, startSession, validationBody } from '../api/session';

export interface Credentials {
  readonly username: string;
  readonly password: string;
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
  // One key per set of credentials, so that a retry after a lost response isn't a second signup.
  // The credentials live no longer than the form.
  const signupKey = useRef<{ readonly for: string; readonly key: string }>(undefined);
  return useMutation({
    mutationFn: async (credentials: Credentials) => {
      const request = JSON.stringify(credentials);
      if (signupKey.current?.for !== request) {
        signupKey.current = { for: request, key: newIdempotencyKey() };
      }
      const { data } = await unwrap(
        api().POST('/signup', {
          body: credentials,
          headers: { 'idempotency-key': signupKey.current.key },
        }),
      );
      signupKey.current = undefined;
      startSession(data.access_token, credentials.username);
    },
    gcTime: 0,
  });
}

export function useDeleteAccount() {
  return useMutation({
    mutationFn: async () => {
      const { data } = await unwrap(api().POST('/auth', { body: validationBody() }));
      await unwrap(
        api().DELETE('/users/{user_id}', { params: { path: { user_id: data.user_id } } }),
      );
      endSession('logged-out');
    },
  });
}
