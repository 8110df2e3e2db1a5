//! `uploads-abort`: abandons an upload.

use std::process::ExitCode;

use trichrome_pictures::{Error, Uploads};
use trichrome_proto::pictures::AbortUploadRequest;
use trichrome_response_cache::NodeCache;
use trichrome_runtime::{Call, Env, Function};
use trichrome_users_table::UserTokens;

struct Abort(Uploads);

impl Function for Abort {
    const NAME: &'static str = "uploads-abort";
    type Input = AbortUploadRequest;
    type Output = ();
    type Error = Error;
    type Tokens = UserTokens;

    fn build(env: &mut Env) -> Self {
        Self(Uploads::from_env(env))
    }

    async fn call(&self, call: &Call, input: AbortUploadRequest) -> Result<(), Error> {
        self.0.abort(call.caller(), &input).await
    }
}

fn main() -> ExitCode {
    trichrome_runtime::run_cached::<Abort, NodeCache>()
}
