//! `pictures-create`: stores a picture.

use std::process::ExitCode;

use trichrome_pictures::{Error, NewPictures};
use trichrome_proto::pictures::{CreateUserPictureRequest, PictureMessage};
use trichrome_response_cache::NodeCache;
use trichrome_runtime::{Call, Env, Function};
use trichrome_users_table::UserTokens;

struct Create(NewPictures);

impl Function for Create {
    const NAME: &'static str = "pictures-create";
    type Input = CreateUserPictureRequest;
    type Output = PictureMessage;
    type Error = Error;
    type Tokens = UserTokens;

    fn build(env: &mut Env) -> Self {
        Self(NewPictures::from_env(env))
    }

    async fn call(
        &self,
        call: &Call,
        input: CreateUserPictureRequest,
    ) -> Result<PictureMessage, Error> {
        let key = call.idempotency_key.as_deref();
        self.0.create(call.caller(), key, input).await
    }
}

fn main() -> ExitCode {
    trichrome_runtime::run_cached::<Create, NodeCache>()
}
