//! `uploads-complete`: makes a picture of an upload.

use std::process::ExitCode;

use trichrome_pictures::{Error, Uploads};
use trichrome_proto::pictures::{CompleteUploadRequest, PictureMessage};
use trichrome_response_cache::NodeCache;
use trichrome_runtime::{Call, Env, Function};
use trichrome_users_table::UserTokens;

struct Complete(Uploads);

impl Function for Complete {
    const NAME: &'static str = "uploads-complete";
    type Input = CompleteUploadRequest;
    type Output = PictureMessage;
    type Error = Error;
    type Tokens = UserTokens;

    fn build(env: &mut Env) -> Self {
        Self(Uploads::from_env(env))
    }

    async fn call(
        &self,
        call: &Call,
        input: CompleteUploadRequest,
    ) -> Result<PictureMessage, Error> {
        self.0.complete(call.caller(), &input).await
    }
}

fn main() -> ExitCode {
    trichrome_runtime::run_cached::<Complete, NodeCache>()
}
