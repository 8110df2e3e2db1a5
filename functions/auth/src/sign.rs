//! Signing tokens: EdDSA (Ed25519), with an explicit type as RFC 8725 recommends.

use std::{sync::Arc, time::Duration};

use jsonwebtoken::{Algorithm, Header, encode, get_current_timestamp};
use serde::Serialize;
use trichrome_secrets::{Parsed, Secret};
use trichrome_users::Account;
use uuid::Uuid;

use crate::{Error, key::Key};

/// The token's type (RFC 9068, section 2.1), so that no other kind of token is taken for one.
const TYPE: &str = "at+jwt";

/// What all tokens have in common.
#[derive(Debug, Clone)]
pub struct TokenTerms {
    /// `iss`.
    pub issuer: String,
    /// `aud`.
    pub audience: String,
    /// How long a token is valid, in whole seconds.
    pub ttl: Duration,
}

/// Signs tokens with the key in a secret.
///
/// A secret is read again after five minutes. So a new key must be in the verifiers' JWKS for longer
/// than this before it is used, and an old one after.
#[derive(Debug)]
pub struct Signer {
    key: Parsed<Key, Error>,
    terms: Arc<TokenTerms>,
}

/// A signer that has its key and needs no service any more.
#[derive(Debug)]
pub struct Ready {
    key: Arc<Key>,
    terms: Arc<TokenTerms>,
}

/// The claims (RFC 7519, section 4.1).
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    iat: u64,
    exp: u64,
    jti: String,
    /// Left out until the user revokes tokens for the first time.
    #[serde(rename = "gen", skip_serializing_if = "is_zero")]
    generation: u64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Signer {
    /// Creates a signer that reads the key at first use.
    #[must_use]
    pub fn new(secret: Secret, terms: TokenTerms) -> Self {
        Self {
            key: Parsed::new(secret, Key::parse),
            terms: Arc::new(terms),
        }
    }

    /// Returns the signer with its key, which is at most five minutes old unless reading it again
    /// fails ([`Parsed::get`]).
    ///
    /// # Errors
    /// [`Error::KeyUnavailable`] and [`Error::Key`] if there is no key that may be used.
    pub async fn ready(&self) -> Result<Ready, Error> {
        Ok(Ready {
            key: self.key.get().await?,
            terms: Arc::clone(&self.terms),
        })
    }
}

impl Ready {
    /// A token for this user, valid from now.
    ///
    /// # Errors
    /// [`Error::Sign`].
    pub fn sign(&self, account: &Account) -> Result<String, Error> {
        let now = get_current_timestamp();
        let claims = Claims {
            iss: &self.terms.issuer,
            aud: &self.terms.audience,
            sub: &account.user.id,
            iat: now,
            exp: now.saturating_add(self.terms.ttl.as_secs()),
            jti: Uuid::new_v4().to_string(),
            generation: account.generation,
        };
        let header = Header {
            typ: Some(TYPE.to_owned()),
            kid: Some(self.key.id.clone()),
            ..Header::new(Algorithm::EdDSA)
        };
        encode(&header, &claims, &self.key.key).map_err(|error| Error::Sign(error.into()))
    }
}

#[cfg(test)]
mod tests;
