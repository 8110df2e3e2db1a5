//! What the binaries share: the store, from a function's environment.

use trichrome_runtime::Env;

use crate::{NewPictures, PictureStore, Places, UsersTable};

/// The store of `PICTURES_TABLE` and `PICTURES_BUCKET`.
pub fn store(env: &mut Env) -> PictureStore {
    let places = Places {
        table: env.required("PICTURES_TABLE"),
        bucket: env.required("PICTURES_BUCKET"),
    };
    PictureStore::new(&env.aws("dynamodb"), &env.aws("s3"), places)
}

/// The store, and `USERS_TABLE`.
pub fn new_pictures(env: &mut Env) -> NewPictures {
    NewPictures::new(store(env), UsersTable(env.required("USERS_TABLE")))
}
