//! `auth-validate`: returns the user of a token, if it is valid.

use trichrome_auth::{Error, guard};
use trichrome_proto::auth::{ValidateRpcRequestInput, ValidationResponse};
use trichrome_runtime::{Call, Env, Function, NoTokens, TokenError, Verifier};
use trichrome_users::Users;

struct Validate {
    /// `None` only if the environment was invalid, which ends the process.
    verifier: Option<Verifier>,
    users: Users,
}

impl Function for Validate {
    const NAME: &'static str = "auth-validate";
    type Input = ValidateRpcRequestInput;
    type Output = ValidationResponse;
    type Error = Error;
    type Tokens = NoTokens;

    fn build(env: &mut Env) -> Self {
        Self {
            verifier: env.verifier(),
            users: Users::from_env(env),
        }
    }

    async fn call(&self, _call: &Call, input: Self::Input) -> Result<Self::Output, Error> {
        let verify = |token: &str| {
            let verifier = self.verifier.as_ref().ok_or(TokenError::Keys)?;
            verifier.verify(token)
        };
        let user_id = guard::validate(input, verify, &self.users).await?;
        Ok(ValidationResponse { user_id })
    }
}

fn main() -> std::process::ExitCode {
    trichrome_runtime::run::<Validate>()
}
