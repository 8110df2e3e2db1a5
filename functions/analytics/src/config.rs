use trichrome_runtime::Env;

use crate::{Analytics, Database};

impl Analytics {
    /// The call log in the database of `DATABASE_URL` (see [`Database`]). A URL that is
    /// missing or wrong is a problem of the environment, reported with its others.
    pub fn from_env(env: &mut Env) -> Self {
        let url = env.required("DATABASE_URL");
        let database = url.parse().unwrap_or_else(|error: crate::DatabaseError| {
            // That it is missing has been noted.
            if !url.is_empty() {
                env.problem("DATABASE_URL", &error.to_string());
            }
            Database::placeholder()
        });
        Self::new(database)
    }
}
