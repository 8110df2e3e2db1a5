//! The domain's parts, built from a function's environment.

use std::time::Duration;

use trichrome_runtime::Env;
use trichrome_users::Users;

use crate::{Sessions, Signer, TokenTerms};

/// The default of `TOKEN_TTL_SECONDS`.
const TTL: Duration = Duration::from_secs(3600);

impl Sessions {
    /// Sessions of the users in `USERS_TABLE`. Tokens are signed by the key in the secret
    /// `TOKEN_KEY_SECRET_ID`, with `TOKEN_ISSUER`, `TOKEN_AUDIENCE` and `TOKEN_TTL_SECONDS`
    /// (default 3600).
    pub fn from_env(env: &mut Env) -> Self {
        let terms = TokenTerms {
            issuer: env.required("TOKEN_ISSUER"),
            audience: env.required("TOKEN_AUDIENCE"),
            ttl: env.variables().seconds_or("TOKEN_TTL_SECONDS", TTL),
        };
        let config = env.aws("secrets_manager");
        let signer = Signer::new(&config, env.required("TOKEN_KEY_SECRET_ID"), terms);
        Self::new(Users::from_env(env), signer)
    }
}
