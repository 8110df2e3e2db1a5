//! A function's configuration: the environment, read once, with all problems reported at once.

use aws_types::SdkConfig;
use trichrome_aws::Clients;
use trichrome_secrets::{Forms, Opener, Secret, SecretSource};
use trichrome_startup::{InvalidEnvironment, Variables};

use crate::token::Verifier;

/// The environment of a function at its start.
///
/// Reading never fails: a problem is recorded, a placeholder takes the value's place, and the
/// shell ends the process with all problems before it serves anything. A variable that is
/// empty or blank counts as unset.
pub struct Env {
    variables: Variables<'static>,
    aws: Option<Clients>,
}

impl Env {
    /// The process's environment.
    pub(crate) fn process() -> Self {
        Self {
            variables: Variables::from_process(),
            aws: None,
        }
    }

    #[cfg(test)]
    pub(crate) fn from_fn(lookup: impl Fn(&str) -> Option<String> + 'static) -> Self {
        Self {
            variables: Variables::new(lookup),
            aws: None,
        }
    }

    /// The variable's value; empty, with a problem recorded, if it isn't set.
    pub fn required(&mut self, name: &str) -> String {
        self.variables.required(name)
    }

    /// The variable's value if it is set.
    pub fn optional(&self, name: &str) -> Option<String> {
        self.variables.optional(name)
    }

    /// The variables themselves, to read other types.
    pub fn variables(&mut self) -> &mut Variables<'static> {
        &mut self.variables
    }

    /// Records a problem. `problem` continues the sentence that the name begins, as in "must
    /// be a URL", and must not contain a secret.
    pub fn problem(&mut self, name: &str, problem: &str) {
        self.variables.problem(name, problem);
    }

    /// The AWS configuration of one service, by its name in `AWS_ENDPOINT_URL_<SERVICE>`
    /// (`dynamodb`, `s3`, `secrets_manager`, `lambda`). All services share one HTTP client.
    pub fn aws(&mut self, service: &str) -> SdkConfig {
        let clients = self
            .aws
            .get_or_insert_with(|| Clients::from_variables(&mut self.variables));
        clients.config(service, &self.variables)
    }

    /// A secret, from the one variable of `forms` that is set; `None`, with a problem recorded, if
    /// that isn't possible. It is read at first use.
    pub fn secret(&mut self, forms: Forms) -> Option<Secret> {
        let source = SecretSource::read(&mut self.variables, forms)?;
        Some(Opener::new().open(source, || self.aws("secrets_manager")))
    }

    /// The verifier of tokens: `TOKEN_JWKS`, `TOKEN_ISSUER`, `TOKEN_AUDIENCE`.
    pub fn verifier(&mut self) -> Option<Verifier> {
        let jwks = self.required("TOKEN_JWKS");
        let issuer = self.required("TOKEN_ISSUER");
        let audience = self.required("TOKEN_AUDIENCE");
        if jwks.is_empty() {
            return None;
        }
        match Verifier::from_jwks(&jwks, &issuer, &audience) {
            Ok(verifier) => Some(verifier),
            Err(error) => {
                self.problem("TOKEN_JWKS", &error.to_string());
                None
            }
        }
    }

    /// Returns the problems recorded so far.
    pub(crate) fn check(&self) -> Result<(), InvalidEnvironment> {
        self.variables.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_key_set_is_a_problem_without_its_text() {
        let mut env = Env::from_fn(|name| match name {
            "TOKEN_JWKS" => Some("{\"keys\":\"hush\"}".to_owned()),
            "TOKEN_ISSUER" | "TOKEN_AUDIENCE" => Some("trichrome".to_owned()),
            _ => None,
        });
        assert!(env.verifier().is_none());
        let problem = env.check().unwrap_err().to_string();
        assert!(problem.contains("TOKEN_JWKS is not a"), "{problem}");
        assert!(!problem.contains("hush"), "{problem}");
    }
}
