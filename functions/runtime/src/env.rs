//! Configuration: the environment, read once, with all its problems reported at once.

use std::{fmt::Display, str::FromStr};

use aws_types::SdkConfig;

use crate::{aws::Aws, token::Verifier};

/// Where variables come from: the process, or a test's table.
type Read = Box<dyn Fn(&str) -> Option<String>>;

/// The environment of a function at its start.
///
/// Reading never fails: what is missing or wrong is noted, a placeholder takes its place,
/// and the shell ends the process with the whole list before it serves anything.
pub struct Env {
    read: Read,
    problems: Vec<String>,
    aws: Option<Aws>,
}

impl Env {
    /// The process's environment.
    pub(crate) fn process() -> Self {
        Self::from_fn(|name| std::env::var(name).ok())
    }

    pub(crate) fn from_fn(read: impl Fn(&str) -> Option<String> + 'static) -> Self {
        Self {
            read: Box::new(read),
            problems: Vec::new(),
            aws: None,
        }
    }

    /// A variable that has to be there; an empty one is as good as none.
    pub fn required(&mut self, name: &str) -> String {
        self.optional(name).unwrap_or_else(|| {
            self.problem(name, "is not set");
            String::new()
        })
    }

    /// A variable that may be left out.
    pub fn optional(&self, name: &str) -> Option<String> {
        (self.read)(name).filter(|value| !value.is_empty())
    }

    /// A variable of another type, with a default.
    pub fn parse_or<T: FromStr<Err: Display>>(&mut self, name: &str, default: T) -> T {
        match self.optional(name).map(|text| text.parse()) {
            None => default,
            Some(Ok(value)) => value,
            Some(Err(error)) => {
                self.problem(name, &error.to_string());
                default
            }
        }
    }

    /// Notes that a variable is wrong. `why` completes "NAME …" and never holds a secret.
    pub fn problem(&mut self, name: &str, why: &str) {
        self.problems.push(format!("{name} {why}"));
    }

    /// The AWS configuration of one service, by its name in `AWS_ENDPOINT_URL_<SERVICE>`
    /// (`dynamodb`, `s3`, `secrets_manager`, `lambda`). All services share one HTTP client.
    pub fn aws(&mut self, service: &str) -> SdkConfig {
        if self.aws.is_none() {
            let aws = Aws::from_env(self);
            self.aws = Some(aws);
        }
        let variable = format!("AWS_ENDPOINT_URL_{}", service.to_uppercase());
        let endpoint = self
            .optional(&variable)
            .or_else(|| self.optional("AWS_ENDPOINT_URL"));
        match &self.aws {
            Some(aws) => aws.config(endpoint),
            None => SdkConfig::builder().build(),
        }
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

    /// What is wrong so far.
    pub(crate) fn problems(&self) -> &[String] {
        &self.problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &'static [(&'static str, &'static str)]) -> Env {
        Env::from_fn(move |name| {
            pairs
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn every_problem_is_reported() {
        let mut env = env(&[("TOKEN_TTL_SECONDS", "soon"), ("PICTURES_TABLE", "")]);
        env.required("USERS_TABLE");
        env.required("PICTURES_TABLE");
        assert_eq!(env.parse_or("TOKEN_TTL_SECONDS", 3600_u64), 3600);
        assert_eq!(
            env.problems(),
            [
                "USERS_TABLE is not set",
                "PICTURES_TABLE is not set",
                "TOKEN_TTL_SECONDS invalid digit found in string"
            ]
        );
    }

    #[test]
    fn a_service_endpoint_wins_over_the_general_one() {
        let mut env = env(&[
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
            ("AWS_ENDPOINT_URL_LAMBDA", "http://127.0.0.1:2"),
        ]);
        assert_eq!(env.aws("lambda").endpoint_url(), Some("http://127.0.0.1:2"));
        assert_eq!(env.aws("s3").endpoint_url(), Some("http://127.0.0.1:1"));
    }

    #[test]
    fn a_key_set_that_is_none_is_a_problem_without_its_text() {
        let mut env = env(&[
            ("TOKEN_JWKS", "{\"keys\":\"hush\"}"),
            ("TOKEN_ISSUER", "i"),
            ("TOKEN_AUDIENCE", "a"),
        ]);
        assert!(env.verifier().is_none());
        assert!(env.problems()[0].starts_with("TOKEN_JWKS "));
        assert!(!env.problems()[0].contains("hush"));
    }
}
