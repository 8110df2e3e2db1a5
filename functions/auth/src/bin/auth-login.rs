//! `auth-login`: returns a token for a username and its password.

use trichrome_auth::{Error, Sessions};
use trichrome_proto::auth::{AuthResponse, LoginInput};
use trichrome_runtime::{Call, Env, Function, NoTokens};

struct Login {
    sessions: Sessions,
}

impl Function for Login {
    const NAME: &'static str = "auth-login";
    type Input = LoginInput;
    type Output = AuthResponse;
    type Error = Error;
    type Tokens = NoTokens;

    fn build(env: &mut Env) -> Self {
        Self {
            sessions: Sessions::from_env(env),
        }
    }

    async fn call(&self, call: &Call, input: Self::Input) -> Result<Self::Output, Error> {
        let login = self
            .sessions
            .login(input.username, input.password, call.address);
        let access_token = login.await?;
        Ok(AuthResponse { access_token })
    }
}

fn main() -> std::process::ExitCode {
    trichrome_runtime::run::<Login>()
}
