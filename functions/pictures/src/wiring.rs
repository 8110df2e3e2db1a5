//! The domain's parts, built from a function's environment.

use trichrome_runtime::Env;

use crate::{NewPictures, PictureStore, Places, UsersTable};

impl PictureStore {
    /// The pictures in `PICTURES_TABLE` and `PICTURES_BUCKET`, which clients reach at
    /// `S3_PUBLIC_URL` if that is set.
    pub fn from_env(env: &mut Env) -> Self {
        let places = Places {
            table: env.required("PICTURES_TABLE"),
            bucket: env.required("PICTURES_BUCKET"),
            public_url: env.variables().optional_with(
                "S3_PUBLIC_URL",
                "an http:// or https:// URL",
                |url| is_http(url).then(|| url.trim_end_matches('/').to_owned()),
            ),
        };
        Self::new(&env.aws("dynamodb"), &env.aws("s3"), places)
    }
}

impl NewPictures {
    /// New pictures for [`PictureStore::from_env`], of the users in `USERS_TABLE`.
    pub fn from_env(env: &mut Env) -> Self {
        let store = PictureStore::from_env(env);
        Self::new(store, UsersTable(env.required("USERS_TABLE")))
    }
}

fn is_http(url: &str) -> bool {
    ["http://", "https://"].iter().any(|scheme| {
        url.strip_prefix(scheme)
            .is_some_and(|rest| !rest.is_empty())
    })
}
