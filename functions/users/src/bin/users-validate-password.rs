//! `users-validate-password`: checks a user's password.

use trichrome_proto::users::ValidateUserPasswordRequest;
use trichrome_runtime::{Call, Env, Function, NoTokens};
use trichrome_users::{Error, Users};

struct ValidatePassword {
    users: Users,
}

impl Function for ValidatePassword {
    const NAME: &'static str = "users-validate-password";
    type Input = ValidateUserPasswordRequest;
    type Output = ();
    type Error = Error;
    type Tokens = NoTokens;

    fn build(env: &mut Env) -> Self {
        Self {
            users: Users::from_env(env),
        }
    }

    async fn call(&self, call: &Call, input: Self::Input) -> Result<Self::Output, Error> {
        self.users
            .verify_password(input.username, input.password, call.address)
            .await?;
        Ok(())
    }
}

fn main() -> std::process::ExitCode {
    trichrome_runtime::run::<ValidatePassword>()
}
