//! `auth-change-password`: changes the caller's password, revokes their tokens and returns a new one.

use trichrome_auth::{Error, Sessions};
use trichrome_proto::auth::{AuthResponse, ChangePasswordRequest};
use trichrome_runtime::{Call, Env, Function};
use trichrome_users::{Caller, Users};

struct ChangePassword {
    sessions: Sessions,
}

impl Function for ChangePassword {
    const NAME: &'static str = "auth-change-password";
    type Input = ChangePasswordRequest;
    type Output = AuthResponse;
    type Error = Error;
    type Tokens = Users;

    fn build(env: &mut Env) -> Self {
        Self {
            sessions: Sessions::from_env(env),
        }
    }

    async fn call(&self, call: &Call, input: Self::Input) -> Result<Self::Output, Error> {
        let (current, new) = (input.current_password, input.new_password);
        let caller = Caller::of(call);
        let access_token = self.sessions.change_password(caller, current, new).await?;
        Ok(AuthResponse { access_token })
    }
}

fn main() -> std::process::ExitCode {
    trichrome_runtime::run::<ChangePassword>()
}
