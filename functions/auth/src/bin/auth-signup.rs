//! `auth-signup`: creates a user and returns a token.

use trichrome_auth::{Error, Sessions};
use trichrome_proto::auth::{AuthResponse, SignupInput};
use trichrome_runtime::{Call, Env, Function, NoTokens};
use trichrome_users::SignupLimits;

struct Signup {
    sessions: Sessions,
}

impl Function for Signup {
    const NAME: &'static str = "auth-signup";
    type Input = SignupInput;
    type Output = AuthResponse;
    type Error = Error;
    type Tokens = NoTokens;

    fn build(env: &mut Env) -> Self {
        Self {
            sessions: Sessions::from_env(env).limit_signups(SignupLimits::from_env(env)),
        }
    }

    async fn call(&self, call: &Call, input: Self::Input) -> Result<Self::Output, Error> {
        let key = call.idempotency_key.as_deref();
        let access_token = self
            .sessions
            .signup(input.username, input.password, key, call.address)
            .await?;
        Ok(AuthResponse { access_token })
    }
}

fn main() -> std::process::ExitCode {
    trichrome_runtime::run::<Signup>()
}
