//! `users-get`: returns the user with an id.

use trichrome_proto::users::{GetUserDataRequest, UserMessage};
use trichrome_runtime::{Call, Env, Function};
use trichrome_users::{Error, Users};
use trichrome_users_table::UserTokens;

struct Get {
    users: Users,
}

impl Function for Get {
    const NAME: &'static str = "users-get";
    type Input = GetUserDataRequest;
    type Output = UserMessage;
    type Error = Error;
    type Tokens = UserTokens;

    fn build(env: &mut Env) -> Self {
        Self {
            users: Users::from_env(env),
        }
    }

    async fn call(&self, _call: &Call, input: Self::Input) -> Result<Self::Output, Error> {
        Ok(self.users.get(&input.user_id).await?.into())
    }
}

fn main() -> std::process::ExitCode {
    trichrome_runtime::run::<Get>()
}
