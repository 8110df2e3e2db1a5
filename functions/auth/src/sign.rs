//! Signing tokens: EdDSA (Ed25519), with an explicit type as RFC 8725 recommends.

use std::{sync::Arc, time::Duration};

use aws_sdk_secretsmanager::{Client, config::Builder};
use aws_types::SdkConfig;
use jsonwebtoken::{Algorithm, Header, encode, get_current_timestamp};
use serde::Serialize;
use tokio::{sync::Mutex, time::Instant};
use trichrome_aws::{AwsSpans, Failure};
use trichrome_startup::error_chain;
use trichrome_users::Account;
use uuid::Uuid;

use crate::{Error, key::Key};

/// The token's type (RFC 9068, section 2.1), so that no other kind of token is taken for one.
const TYPE: &str = "at+jwt";
/// How long a key is cached. A new key must be in the verifiers' JWKS for longer than this
/// before it is used, and an old one after.
const REFRESH: Duration = Duration::from_secs(300);
/// How long the old key is used after a failed refresh, before the next attempt.
const RETRY: Duration = Duration::from_secs(30);

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
#[derive(Debug)]
pub struct Signer {
    client: Client,
    secret_id: String,
    terms: Arc<TokenTerms>,
    /// Locked while the secret is read, so that concurrent callers read it once.
    cached: Mutex<Option<Cached>>,
}

#[derive(Debug)]
struct Cached {
    key: Arc<Key>,
    /// When to read the secret again.
    due: Instant,
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
    pub fn new(config: &SdkConfig, secret_id: String, terms: TokenTerms) -> Self {
        Self {
            client: Client::from_conf(Builder::from(config).interceptor(AwsSpans::other()).build()),
            secret_id,
            terms: Arc::new(terms),
            cached: Mutex::new(None),
        }
    }

    /// Returns the signer with its key, which is at most five minutes old unless refreshing it
    /// fails.
    ///
    /// # Errors
    /// [`Error::KeyUnavailable`] and [`Error::Key`] if there is no cached key.
    pub async fn ready(&self) -> Result<Ready, Error> {
        let mut cached = self.cached.lock().await;
        if let Some(Cached { key, due }) = cached.as_ref()
            && Instant::now() < *due
        {
            return Ok(self.with(Arc::clone(key)));
        }
        let (key, due) = match (self.read().await, cached.take()) {
            (Ok(key), _) => (Arc::new(key), Instant::now() + REFRESH),
            (Err(error), Some(old)) => {
                tracing::warn!(
                    error = error_chain(&error),
                    kid = old.key.id,
                    "the token key could not be refreshed; signing with the old one"
                );
                (old.key, Instant::now() + RETRY)
            }
            (Err(error), None) => return Err(error),
        };
        *cached = Some(Cached {
            key: Arc::clone(&key),
            due,
        });
        Ok(self.with(key))
    }

    fn with(&self, key: Arc<Key>) -> Ready {
        Ready {
            key,
            terms: Arc::clone(&self.terms),
        }
    }

    async fn read(&self) -> Result<Key, Error> {
        let answer = self
            .client
            .get_secret_value()
            .secret_id(&self.secret_id)
            .send()
            .await
            .map_err(|error| {
                let failure = Failure::from(error);
                if failure.is_transient() {
                    Error::KeyUnavailable(failure.into())
                } else {
                    Error::Key(failure.into())
                }
            })?;
        let secret = answer
            .secret_string()
            .ok_or_else(|| Error::Key("the secret is binary, not text".into()))?;
        Key::parse(secret)
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
