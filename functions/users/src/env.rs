//! The users as a function's environment names them.

use trichrome_runtime::Env;

use crate::{UserStore, Users};

/// The users in the table that `USERS_TABLE` names.
pub fn from_env(env: &mut Env) -> Users {
    let config = env.aws("dynamodb");
    Users::new(UserStore::new(&config, env.required("USERS_TABLE")))
}
