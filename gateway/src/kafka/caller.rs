//! Whose command a record is. Commands of one caller take effect in the order they were sent, and
//! the facade puts them into the partition of the caller.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Deserialize;
use trichrome_proto::contract::{Access, Operation};

/// The request field with the name of a user who has no token yet.
pub(crate) const USERNAME: &str = "username";

/// The request field with a token to validate.
pub(crate) const ACCESS_TOKEN: &str = "access_token";

/// A caller: a token's subject or a username. It decides the order of commands and nothing else,
/// so the token's signature isn't checked. With a forged one, a command only waits for those of the
/// forged user in its partition, or they for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Caller(String);

impl Caller {
    /// The caller of an operation; `None` if the command doesn't say. `field` finds a text field
    /// of the request.
    ///
    /// Public operations ignore tokens, so the request itself says whom it is about: a signup and
    /// a login with the same username belong together.
    pub(crate) fn of(
        operation: &Operation,
        authorization: Option<&str>,
        field: impl Fn(&str) -> Option<String>,
    ) -> Option<Self> {
        match operation.access {
            Access::Public => {
                field(USERNAME).or_else(|| field(ACCESS_TOKEN).and_then(|token| subject(&token)))
            }
            Access::User | Access::Owner => {
                let (_scheme, token) = authorization?.split_once(' ')?;
                subject(token.trim())
            }
        }
        .filter(|name| !name.is_empty())
        .map(Self)
    }

    /// The caller as a record's key.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The subject of a JSON Web Token, whose signature isn't checked.
fn subject(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Claims {
        sub: String,
    }
    let claims = token.split('.').nth(1)?;
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?;
    let claims: Claims = serde_json::from_slice(&claims).ok()?;
    Some(claims.sub)
}

#[cfg(test)]
pub(crate) mod tests {
    use trichrome_proto::contract::by_function;

    use super::*;

    /// An unsigned token of a user.
    pub(crate) fn token(user_id: &str) -> String {
        let part = |text: String| BASE64_URL_SAFE_NO_PAD.encode(text);
        let claims = format!("{{\"sub\":\"{user_id}\"}}");
        format!("{}.{}.", part("{}".to_owned()), part(claims))
    }

    fn caller(
        function: &str,
        authorization: Option<&str>,
        fields: &[(&str, &str)],
    ) -> Option<String> {
        let operation = by_function(function).unwrap();
        let field = |name: &str| {
            let (_, value) = fields.iter().find(|(known, _)| *known == name)?;
            Some((*value).to_owned())
        };
        Caller::of(operation, authorization, field).map(|caller| caller.0)
    }

    #[test]
    fn the_caller_is_the_tokens_subject() {
        for scheme in ["Bearer", "bearer"] {
            let authorization = format!("{scheme} {}", token("u1"));
            let named = [(USERNAME, "n")];
            let caller = caller("pictures-get", Some(&authorization), &named);
            assert_eq!(caller.as_deref(), Some("u1"));
        }
        let not_an_object = format!("Bearer a.{}.c", BASE64_URL_SAFE_NO_PAD.encode("7"));
        for other in ["", "Bearer", "Bearer x", "Bearer a.b.c", &not_an_object] {
            assert_eq!(caller("pictures-get", Some(other), &[]), None, "{other}");
        }
        assert_eq!(caller("pictures-get", None, &[(USERNAME, "n")]), None);
    }

    #[test]
    fn a_public_operation_says_whom_it_is_about() {
        let authorization = format!("Bearer {}", token("u1"));
        for function in ["auth-signup", "auth-login", "users-create"] {
            let caller = caller(function, Some(&authorization), &[(USERNAME, "n")]);
            assert_eq!(caller.as_deref(), Some("n"), "{function}");
        }
        let token = token("u2");
        let validated = caller("auth-validate", None, &[(ACCESS_TOKEN, &token)]);
        assert_eq!(validated.as_deref(), Some("u2"));
        assert_eq!(caller("auth-login", None, &[(USERNAME, "")]), None);
        assert_eq!(caller("auth-login", Some(&authorization), &[]), None);
    }
}
