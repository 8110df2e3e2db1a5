//! `pictures-update`: renames a picture of the caller.

use std::process::ExitCode;

use trichrome_pictures::{Error, PictureStore};
use trichrome_proto::pictures::{PictureMessage, UpdateUserPictureRequest};
use trichrome_response_cache::NodeCache;
use trichrome_runtime::{Call, Env, Function};
use trichrome_users_table::UserTokens;

struct Update(PictureStore);

impl Function for Update {
    const NAME: &'static str = "pictures-update";
    type Input = UpdateUserPictureRequest;
    type Output = PictureMessage;
    type Error = Error;
    type Tokens = UserTokens;

    fn build(env: &mut Env) -> Self {
        Self(PictureStore::from_env(env))
    }

    async fn call(
        &self,
        call: &Call,
        input: UpdateUserPictureRequest,
    ) -> Result<PictureMessage, Error> {
        let key = call.idempotency_key.as_deref();
        self.0.update(call.caller(), key, &input).await
    }
}

fn main() -> ExitCode {
    trichrome_runtime::run_cached::<Update, NodeCache>()
}
