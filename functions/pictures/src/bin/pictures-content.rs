//! `pictures-content`: redirects to a picture's bytes.

use std::process::ExitCode;

use trichrome_pictures::{Error, PictureStore};
use trichrome_proto::pictures::{GetPictureContentRequest, PictureContent};
use trichrome_runtime::{Call, Env, Function};
use trichrome_users_table::UserTokens;

struct Content(PictureStore);

impl Function for Content {
    const NAME: &'static str = "pictures-content";
    type Input = GetPictureContentRequest;
    type Output = PictureContent;
    type Error = Error;
    type Tokens = UserTokens;

    fn build(env: &mut Env) -> Self {
        Self(PictureStore::from_env(env))
    }

    async fn call(
        &self,
        call: &Call,
        input: GetPictureContentRequest,
    ) -> Result<PictureContent, Error> {
        self.0.content(call.caller(), &input).await
    }
}

fn main() -> ExitCode {
    trichrome_runtime::run::<Content>()
}
