//! `pictures-delete`: deletes a picture of the caller.

use std::process::ExitCode;

use trichrome_pictures::{Error, PictureStore};
use trichrome_proto::pictures::DeleteUserPictureRequest;
use trichrome_response_cache::NodeCache;
use trichrome_runtime::{Call, Env, Function};
use trichrome_users_table::UserTokens;

struct Delete(PictureStore);

impl Function for Delete {
    const NAME: &'static str = "pictures-delete";
    type Input = DeleteUserPictureRequest;
    type Output = ();
    type Error = Error;
    type Tokens = UserTokens;

    fn build(env: &mut Env) -> Self {
        Self(PictureStore::from_env(env))
    }

    async fn call(&self, call: &Call, input: DeleteUserPictureRequest) -> Result<(), Error> {
        let key = call.idempotency_key.as_deref();
        self.0.delete(call.caller(), key, &input).await
    }
}

fn main() -> ExitCode {
    trichrome_runtime::run_cached::<Delete, NodeCache>()
}
