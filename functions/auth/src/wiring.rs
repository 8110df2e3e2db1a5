//! The domain's parts, built from a function's environment.

use std::time::Duration;

use trichrome_runtime::Env;
use trichrome_secrets::{Forms, Secret};
use trichrome_users::Users;

use crate::{Sessions, Signer, TokenTerms};

/// The variables of the key that signs tokens, without `TOKEN_KEY_FILE`: that is where `prepare`
/// writes the key.
const TOKEN_KEY: Forms = Forms::source("TOKEN_KEY").or_secret_id();

/// The default of `TOKEN_TTL_SECONDS`.
const TTL: Duration = Duration::from_secs(3600);

impl Sessions {
    /// Sessions of the users in `USERS_TABLE`. Tokens are signed by the key that `TOKEN_KEY_SECRET_ID`
    /// or `TOKEN_KEY_SOURCE` names, with `TOKEN_ISSUER`, `TOKEN_AUDIENCE` and `TOKEN_TTL_SECONDS`
    /// (default 3600).
    pub fn from_env(env: &mut Env) -> Self {
        let terms = TokenTerms {
            issuer: env.required("TOKEN_ISSUER"),
            audience: env.required("TOKEN_AUDIENCE"),
            ttl: env.variables().seconds_or("TOKEN_TTL_SECONDS", TTL),
        };
        let key = env.secret(TOKEN_KEY);
        // Without a key, the start fails.
        let key = key.unwrap_or_else(|| Secret::fixed("TOKEN_KEY_SOURCE", ""));
        Self::new(Users::from_env(env), Signer::new(key, terms))
    }
}
