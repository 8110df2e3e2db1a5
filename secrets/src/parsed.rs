//! Something that is made of a secret's text.

use std::sync::Arc;

use tokio::sync::Mutex;
use trichrome_startup::error_chain;

use crate::{Secret, SecretError};

/// What a secret's text says, such as a key. It is parsed again when the text changes.
#[derive(Debug)]
pub struct Parsed<T, E> {
    secret: Secret,
    parse: fn(&str) -> Result<T, E>,
    /// The last valid one, and the version of the text that it was made of.
    cached: Mutex<Option<(Arc<T>, u64)>>,
}

impl<T, E: std::error::Error + From<SecretError>> Parsed<T, E> {
    /// Creates one that is read and parsed at first use. Errors of `parse` must contain no part of
    /// the secret.
    #[must_use]
    pub fn new(secret: Secret, parse: fn(&str) -> Result<T, E>) -> Self {
        Self {
            secret,
            parse,
            cached: Mutex::new(None),
        }
    }

    /// What the secret says now ([`Secret::get`]), or what it said before if it is invalid.
    ///
    /// # Errors
    ///
    /// The secret can't be read, or is invalid and never was valid.
    pub async fn get(&self) -> Result<Arc<T>, E> {
        let mut value = self.secret.get().await?;
        let mut cached = self.cached.lock().await;
        if let Some((made, version)) = cached.as_ref()
            && *version == value.version()
        {
            return Ok(Arc::clone(made));
        }
        let mut parsed = (self.parse)(value.expose());
        if parsed.is_err() {
            // It may have been corrected meanwhile.
            value = self.secret.refresh(&value).await?;
            parsed = (self.parse)(value.expose());
        }
        match (parsed, cached.as_ref()) {
            (Ok(made), _) => {
                let made = Arc::new(made);
                *cached = Some((Arc::clone(&made), value.version()));
                Ok(made)
            }
            (Err(error), Some((before, _))) => {
                tracing::warn!(
                    secret = self.secret.variable(),
                    error = error_chain(&error),
                    "the secret is invalid; the value from before is used"
                );
                Ok(Arc::clone(before))
            }
            (Err(error), None) => Err(error),
        }
    }
}
