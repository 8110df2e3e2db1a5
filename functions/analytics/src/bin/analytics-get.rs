//! `analytics-get`: reads the call logs, newest first, with totals on request.

use std::process::ExitCode;

use trichrome_analytics::{Analytics, Error};
use trichrome_proto::analytics::{GetLogRequest, GetLogsMessage};
use trichrome_runtime::{Call, Env, Function};
use trichrome_users_table::UserTokens;

struct Get(Analytics);

impl Function for Get {
    const NAME: &'static str = "analytics-get";
    type Input = GetLogRequest;
    type Output = GetLogsMessage;
    type Error = Error;
    type Tokens = UserTokens;

    fn build(env: &mut Env) -> Self {
        Self(Analytics::from_env(env))
    }

    async fn call(&self, call: &Call, input: GetLogRequest) -> Result<GetLogsMessage, Error> {
        self.0.read(input, call.caller()).await
    }
}

fn main() -> ExitCode {
    trichrome_runtime::run::<Get>()
}
