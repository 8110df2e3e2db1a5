//! The domain's parts, built from a function's environment.

use trichrome_runtime::Env;

use crate::{Analytics, Database, DatabaseSource};

impl Database {
    /// The database of [`DatabaseSource::read`], or a placeholder with a problem recorded.
    pub fn from_env(env: &mut Env) -> Self {
        DatabaseSource::read(env.variables()).map_or_else(Self::placeholder, |source| {
            source.open(|| env.aws("secrets_manager"))
        })
    }
}

impl Analytics {
    /// The call log in [`Database::from_env`].
    pub fn from_env(env: &mut Env) -> Self {
        Self::new(Database::from_env(env))
    }
}
