//! The domain's parts, built from a function's environment.

use trichrome_pictures::PictureStore;
use trichrome_runtime::{Call, Claims, Env, TokenCheck};

use crate::{Caller, Error, Purge, SignupLimits, UserStore, Users};

impl Users {
    /// The users in `USERS_TABLE`.
    pub fn from_env(env: &mut Env) -> Self {
        let config = env.aws("dynamodb");
        Self::new(UserStore::new(&config, env.required("USERS_TABLE")))
    }
}

impl SignupLimits {
    /// `SIGNUPS_PER_ADDRESS` (default 30) and `SIGNUPS_TOTAL` (default 3000), both an hour.
    pub fn from_env(env: &mut Env) -> Self {
        const EXPECTED: &str = "a number of signups";
        let variables = env.variables();
        Self {
            per_address: variables.parse_or("SIGNUPS_PER_ADDRESS", 30, EXPECTED),
            total: variables.parse_or("SIGNUPS_TOTAL", 3000, EXPECTED),
        }
    }
}

impl<'a> Caller<'a> {
    /// The caller of this call.
    #[must_use]
    pub fn of(call: &'a Call) -> Self {
        Self {
            user_id: call.caller(),
            token_generation: call.token_generation,
            idempotency_key: call.idempotency_key.as_deref(),
            address: call.address,
        }
    }
}

/// For the operations that revoke their caller's token: a repeated call still counts.
impl TokenCheck for Users {
    type Error = Error;

    fn build(env: &mut Env) -> Self {
        Self::from_env(env)
    }

    async fn counts(&self, claims: &Claims, idempotency_key: Option<&str>) -> Result<bool, Error> {
        let caller = Caller {
            user_id: &claims.sub,
            token_generation: claims.generation,
            idempotency_key,
            address: None,
        };
        self.may_revoke(caller).await
    }
}

impl Purge for PictureStore {
    type Error = trichrome_pictures::Error;

    async fn purge(&self, user_id: &str) -> Result<(), Self::Error> {
        PictureStore::purge(self, user_id).await.map(|_| ())
    }
}
