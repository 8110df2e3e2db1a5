import { useMutation } from '@tanstack/react-query';
import { answer, api } from '../api/client';
import { newIdempotencyKey } from '../api/idempotency';
import { endSession, startSession, validationBody } from '../api/session';

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

export function useLogin() {
  return useMutation({
    mutationFn: async (credentials: Credentials) => {
      const { data } = await answer(api().POST('/login', { body: credentials }));
      startSession(data.access_token, credentials.username);
    },
    // A password is not for keeping in a cache of mutations.
    gcTime: 0,
  });
}

/** The key stands for one set of credentials: a retry after a lost answer is not a second signup. */
let signupKey: { readonly for: string; readonly key: string } | undefined;

export function useSignup() {
  return useMutation({
    mutationFn: async (credentials: Credentials) => {
      const meant = JSON.stringify(credentials);
      if (signupKey?.for !== meant) signupKey = { for: meant, key: newIdempotencyKey() };
      const { data } = await answer(
        api().POST('/signup', {
          body: credentials,
          headers: { 'idempotency-key': signupKey.key },
        }),
      );
      signupKey = undefined;
      startSession(data.access_token, credentials.username);
    },
    gcTime: 0,
  });
}

export function useDeleteAccount() {
  return useMutation({
    mutationFn: async () => {
      const { data } = await answer(api().POST('/auth', { body: validationBody() }));
      await answer(
        api().DELETE('/users/{user_id}', { params: { path: { user_id: data.user_id } } }),
      );
      endSession('logged-out');
    },
  });
}
