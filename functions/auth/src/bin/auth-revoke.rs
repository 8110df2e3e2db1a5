//! `auth-revoke`: logs the caller out everywhere.

use trichrome_proto::auth::RevokeTokensRequest;
use trichrome_runtime::{Call, Env, Function};
use trichrome_users::{Caller, Error, Users};

struct Revoke {
    users: Users,
}

impl Function for Revoke {
    const NAME: &'static str = "auth-revoke";
    type Input = RevokeTokensRequest;
    type Output = ();
    type Error = Error;
    type Tokens = Users;

    fn build(env: &mut Env) -> Self {
        Self {
            users: Users::from_env(env),
        }
    }

    async fn call(&self, call: &Call, _: Self::Input) -> Result<(), Error> {
        self.users.revoke_tokens(Caller::of(call)).await
    }
}

fn main() -> std::process::ExitCode {
    trichrome_runtime::run::<Revoke>()
}
