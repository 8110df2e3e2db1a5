//! The domain's parts, built from a function's environment.

use trichrome_runtime::Env;

use crate::{Analytics, Database, DatabaseError};

impl Database {
    /// The database of `DATABASE_URL`, or a placeholder with a problem recorded.
    pub fn from_env(env: &mut Env) -> Self {
        let url = env.required("DATABASE_URL");
        url.parse().unwrap_or_else(|error: DatabaseError| {
            if !url.is_empty() {
                env.problem("DATABASE_URL", &error.to_string());
            }
            Self::placeholder()
        })
    }
}

impl Analytics {
    /// The call log in [`Database::from_env`].
    pub fn from_env(env: &mut Env) -> Self {
        Self::new(Database::from_env(env))
    }
}
