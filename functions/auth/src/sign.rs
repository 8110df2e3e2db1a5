//! Making tokens: EdDSA (Ed25519), typed and named as RFC 8725 asks.

use std::{sync::Arc, time::Duration};

use aws_sdk_secretsmanager::{Client, config::Builder};
use aws_types::SdkConfig;
use jsonwebtoken::{Algorithm, Header, encode, get_current_timestamp};
use serde::Serialize;
use tokio::{sync::Mutex, time::Instant};
use trichrome_aws::{AwsSpans, Failure};
use trichrome_startup::error_chain;
use uuid::Uuid;

use crate::{Error, key::Key};

/// The token's type (RFC 9068 2.1): no other kind of token can pass for this one.
const TYPE: &str = "at+jwt";
/// How old a key may be before it is read again. A new key must therefore be in the
/// verifiers' JWKS, and the old one stay there, for longer than this.
const REFRESH: Duration = Duration::from_secs(300);
/// After a failed refresh, how long the old key goes on before the next try.
const RETRY: Duration = Duration::from_secs(30);

/// What every token says beside its user.
#[derive(Debug, Clone)]
pub struct TokenTerms {
    /// Who made it (`iss`).
    pub issuer: String,
    /// Whom it is for (`aud`).
    pub audience: String,
    /// How long it is good for, in whole seconds.
    pub ttl: Duration,
}

/// Makes tokens with the key in a secret.
#[derive(Debug)]
pub struct Signer {
    client: Client,
    secret_id: String,
    terms: Arc<TokenTerms>,
    /// Held while the secret is read, so that callers who come together read it once.
    cached: Mutex<Option<Cached>>,
}

#[derive(Debug)]
struct Cached {
    key: Arc<Key>,
    /// When to read it again.
    due: Instant,
}

/// A signer with its key at hand: what is left to do cannot fail for want of a service.
#[derive(Debug)]
pub struct Ready {
    key: Arc<Key>,
    terms: Arc<TokenTerms>,
}

/// The claims (RFC 7519 4.1).
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    iat: u64,
    exp: u64,
    jti: String,
}

impl Signer {
    /// A signer that reads the key at first use.
    #[must_use]
    pub fn new(config: &SdkConfig, secret_id: String, terms: TokenTerms) -> Self {
        Self {
            client: Client::from_conf(Builder::from(config).interceptor(AwsSpans::other()).build()),
            secret_id,
            terms: Arc::new(terms),
            cached: Mutex::new(None),
        }
    }

    /// Sees to it that there is a key, one that is at most five minutes old unless the secret
    /// cannot be read just now.
    ///
    /// # Errors
    /// [`Error::KeyUnavailable`] and [`Error::Key`], where there is no key from before.
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
    /// A token for this user, good from now on.
    ///
    /// # Errors
    /// [`Error::Sign`].
    pub fn sign(&self, user_id: &str) -> Result<String, Error> {
        let now = get_current_timestamp();
        let claims = Claims {
            iss: &self.terms.issuer,
            aud: &self.terms.audience,
            sub: user_id,
            iat: now,
            exp: now.saturating_add(self.terms.ttl.as_secs()),
            jti: Uuid::new_v4().to_string(),
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
