//! `users-get-by-username`: returns the user with a name.

use trichrome_proto::users::{GetUserDataByUsernameRequest, UserMessage};
use trichrome_runtime::{Call, Env, Function};
use trichrome_users::{Error, Users};
use trichrome_users_table::UserTokens;

struct GetByUsername {
    users: Users,
}

impl Function for GetByUsername {
    const NAME: &'static str = "users-get-by-username";
    type Input = GetUserDataByUsernameRequest;
    type Output = UserMessage;
    type Error = Error;
    type Tokens = UserTokens;

    fn build(env: &mut Env) -> Self {
        Self {
            users: Users::from_env(env),
        }
    }

    async fn call(&self, _call: &Call, input: Self::Input) -> Result<Self::Output, Error> {
        Ok(self.users.get_by_username(input.username).await?.into())
    }
}

fn main() -> std::process::ExitCode {
    trichrome_runtime::run::<GetByUsername>()
}
