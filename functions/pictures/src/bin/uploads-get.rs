//! `uploads-get`: returns an upload of the caller.

use std::process::ExitCode;

use trichrome_pictures::{Error, Uploads};
use trichrome_proto::pictures::{GetUploadRequest, UploadMessage};
use trichrome_runtime::{Call, Env, Function};
use trichrome_users_table::UserTokens;

struct Get(Uploads);

impl Function for Get {
    const NAME: &'static str = "uploads-get";
    type Input = GetUploadRequest;
    type Output = UploadMessage;
    type Error = Error;
    type Tokens = UserTokens;

    fn build(env: &mut Env) -> Self {
        Self(Uploads::from_env(env))
    }

    async fn call(&self, call: &Call, input: GetUploadRequest) -> Result<UploadMessage, Error> {
        self.0.get(call.caller(), &input).await
    }
}

fn main() -> ExitCode {
    trichrome_runtime::run::<Get>()
}
