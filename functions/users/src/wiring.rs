//! The domain's parts, built from a function's environment.

use trichrome_pictures::PictureStore;
use trichrome_runtime::Env;

use crate::{Purge, UserStore, Users};

impl Users {
    /// The users in `USERS_TABLE`.
    pub fn from_env(env: &mut Env) -> Self {
        let config = env.aws("dynamodb");
        Self::new(UserStore::new(&config, env.required("USERS_TABLE")))
    }
}

impl Purge for PictureStore {
    type Error = trichrome_pictures::Error;

    async fn purge(&self, user_id: &str) -> Result<(), Self::Error> {
        PictureStore::purge(self, user_id).await.map(|_| ())
    }
}
