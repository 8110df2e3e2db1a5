//! CloudFront in front of the bucket: where links lead, and the key in a secret that signs them.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use trichrome_secrets::{Parsed, Secret, SecretError};

use super::{ObjectKey, Presigned, ResponseHeaders, cloudfront::LinkKey};
use crate::Error;

/// What an error says that the function was doing.
const DOING: &str = "read the key for links";

/// Signs links through CloudFront. Cheap to clone.
///
/// The secret is read again after five minutes. An old key has to stay valid at CloudFront for longer
/// than this and the life of a link.
#[derive(Clone, Debug)]
pub(crate) struct Edge {
    base: String,
    key: Arc<Parsed<LinkKey, Error>>,
}

impl Edge {
    /// Links to `base`, an origin without a path, signed with the key in a secret, which is read at
    /// first use.
    pub(crate) fn new(base: String, secret: Secret) -> Self {
        Self {
            base,
            key: Arc::new(Parsed::new(secret, parse)),
        }
    }

    /// Signs the reading of an object.
    ///
    /// # Errors
    /// [`Error::Unavailable`] and [`Error::Internal`] if there is no key that may be used.
    pub(crate) async fn get(
        &self,
        key: ObjectKey<'_>,
        response: &ResponseHeaders,
        valid: Duration,
    ) -> Result<Presigned, Error> {
        let signer = self.key.get().await?;
        signer
            .sign(&self.base, key, response, SystemTime::now(), valid)
            .map_err(|error| Error::Internal {
                doing: "sign a link",
                source: Box::new(error),
            })
    }
}

fn parse(secret: &str) -> Result<LinkKey, Error> {
    LinkKey::parse(secret).map_err(|error| Error::Internal {
        doing: DOING,
        source: Box::new(error),
    })
}

impl From<SecretError> for Error {
    fn from(error: SecretError) -> Self {
        let is_transient = error.is_transient();
        let (doing, source) = (DOING, Box::new(error));
        if is_transient {
            Self::Unavailable { doing, source }
        } else {
            Self::Internal { doing, source }
        }
    }
}

#[cfg(test)]
mod tests;
