//! Sessions as a function's environment describes them.

use std::time::Duration;

use trichrome_runtime::Env;

use crate::{Sessions, Signer, TokenTerms};

/// How long a token is good for where `TOKEN_TTL_SECONDS` does not say.
const TTL_SECONDS: u32 = 3600;

/// Sessions of the users in `USERS_TABLE`, with tokens signed by the key in the secret that
/// `TOKEN_KEY_SECRET_ID` names, on the terms of `TOKEN_ISSUER`, `TOKEN_AUDIENCE` and
/// `TOKEN_TTL_SECONDS` (an hour if left out).
pub fn from_env(env: &mut Env) -> Sessions {
    let terms = TokenTerms {
        issuer: env.required("TOKEN_ISSUER"),
        audience: env.required("TOKEN_AUDIENCE"),
        ttl: Duration::from_secs(env.parse_or("TOKEN_TTL_SECONDS", TTL_SECONDS).into()),
    };
    let config = env.aws("secrets_manager");
    let signer = Signer::new(&config, env.required("TOKEN_KEY_SECRET_ID"), terms);
    Sessions::new(trichrome_users::from_env(env), signer)
}
