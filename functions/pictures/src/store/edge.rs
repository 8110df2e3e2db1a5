//! CloudFront in front of the bucket: where links lead, and the key in a secret that signs them.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use aws_sdk_secretsmanager::{Client, config::Builder};
use aws_types::SdkConfig;
use tokio::{sync::Mutex, time::Instant};
use trichrome_aws::AwsSpans;
use trichrome_startup::error_chain;

use super::{ObjectKey, Presigned, ResponseHeaders, cloudfront::LinkKey, failed};
use crate::Error;

/// How long a key is cached. An old key stays valid at CloudFront for longer than this and the
/// life of a link.
const REFRESH: Duration = Duration::from_secs(300);

/// How long the old key is used after a failed refresh, before the next attempt.
const RETRY: Duration = Duration::from_secs(30);

/// What an error says that the function was doing.
const DOING: &str = "read the key for links";

/// Signs links through CloudFront. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Edge {
    client: Client,
    base: String,
    secret_id: String,
    /// Locked while the secret is read, so that concurrent callers read it once.
    cached: Arc<Mutex<Option<Cached>>>,
}

#[derive(Debug)]
struct Cached {
    key: Arc<LinkKey>,
    /// When to read the secret again.
    due: Instant,
}

impl Edge {
    /// Links to `base`, an origin without a path, signed with the key in a secret, which is read at
    /// first use.
    pub(crate) fn new(config: &SdkConfig, base: String, secret_id: String) -> Self {
        let config = Builder::from(config).interceptor(AwsSpans::other());
        Self {
            client: Client::from_conf(config.build()),
            base,
            secret_id,
            cached: Arc::default(),
        }
    }

    /// Signs the reading of an object.
    ///
    /// # Errors
    /// [`Error::Unavailable`] and [`Error::Internal`] if there is no key yet and it can't be read.
    pub(crate) async fn get(
        &self,
        key: ObjectKey<'_>,
        response: &ResponseHeaders,
        valid: Duration,
    ) -> Result<Presigned, Error> {
        let signer = self.key().await?;
        signer
            .sign(&self.base, key, response, SystemTime::now(), valid)
            .map_err(|error| Error::Internal {
                doing: "sign a link",
                source: Box::new(error),
            })
    }

    async fn key(&self) -> Result<Arc<LinkKey>, Error> {
        let mut cached = self.cached.lock().await;
        if let Some(Cached { key, due }) = cached.as_ref()
            && Instant::now() < *due
        {
            return Ok(Arc::clone(key));
        }
        let (key, due) = match (self.read().await, cached.take()) {
            (Ok(key), _) => (Arc::new(key), Instant::now() + REFRESH),
            (Err(error), Some(old)) => {
                tracing::warn!(
                    error = error_chain(&error),
                    "the key for links could not be refreshed; signing with the old one"
                );
                (old.key, Instant::now() + RETRY)
            }
            (Err(error), None) => return Err(error),
        };
        *cached = Some(Cached {
            key: Arc::clone(&key),
            due,
        });
        Ok(key)
    }

    async fn read(&self) -> Result<LinkKey, Error> {
        let answer = self
            .client
            .get_secret_value()
            .secret_id(&self.secret_id)
            .send()
            .await
            .map_err(|error| failed(DOING, error))?;
        let secret = answer.secret_string().unwrap_or_default();
        LinkKey::parse(secret).map_err(|error| Error::Internal {
            doing: DOING,
            source: Box::new(error),
        })
    }
}

#[cfg(test)]
mod tests;
