//! `analytics-log`: logs one call that a caller made.

use std::process::ExitCode;

use trichrome_analytics::{Analytics, Error};
use trichrome_proto::analytics::LogDataRequest;
use trichrome_runtime::{Call, Env, Function};
use trichrome_users_table::UserTokens;

struct Log(Analytics);

impl Function for Log {
    const NAME: &'static str = "analytics-log";
    type Input = LogDataRequest;
    type Output = ();
    type Error = Error;
    type Tokens = UserTokens;

    fn build(env: &mut Env) -> Self {
        Self(Analytics::from_env(env))
    }

    async fn call(&self, call: &Call, input: LogDataRequest) -> Result<(), Error> {
        let key = call.idempotency_key.as_deref();
        self.0.log(input, call.caller(), key).await
    }
}

fn main() -> ExitCode {
    trichrome_runtime::run::<Log>()
}
