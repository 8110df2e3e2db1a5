//! `users-create`: creates a user.

use trichrome_proto::users::{CreateUserRequest, UserMessage};
use trichrome_runtime::{Call, Env, Function, NoTokens};
use trichrome_users::{Error, SignupLimits, Users};

struct Create {
    users: Users,
}

impl Function for Create {
    const NAME: &'static str = "users-create";
    type Input = CreateUserRequest;
    type Output = UserMessage;
    type Error = Error;
    type Tokens = NoTokens;

    fn build(env: &mut Env) -> Self {
        Self {
            users: Users::from_env(env).limit_signups(SignupLimits::from_env(env)),
        }
    }

    async fn call(&self, call: &Call, input: Self::Input) -> Result<Self::Output, Error> {
        let key = call.idempotency_key.as_deref();
        let account = self
            .users
            .create(input.username, input.password, key, call.address)
            .await?;
        Ok(account.user.into())
    }
}

fn main() -> std::process::ExitCode {
    trichrome_runtime::run::<Create>()
}
