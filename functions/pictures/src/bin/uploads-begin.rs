//! `uploads-begin`: begins an upload.

use std::process::ExitCode;

use trichrome_pictures::{Error, Uploads};
use trichrome_proto::pictures::{BeginUploadRequest, UploadMessage};
use trichrome_response_cache::NodeCache;
use trichrome_runtime::{Call, Env, Function};
use trichrome_users_table::UserTokens;

struct Begin(Uploads);

impl Function for Begin {
    const NAME: &'static str = "uploads-begin";
    type Input = BeginUploadRequest;
    type Output = UploadMessage;
    type Error = Error;
    type Tokens = UserTokens;

    fn build(env: &mut Env) -> Self {
        Self(Uploads::from_env(env))
    }

    async fn call(&self, call: &Call, input: BeginUploadRequest) -> Result<UploadMessage, Error> {
        let key = call.idempotency_key.as_deref();
        self.0.begin(call.caller(), key, input).await
    }
}

fn main() -> ExitCode {
    trichrome_runtime::run_cached::<Begin, NodeCache>()
}
