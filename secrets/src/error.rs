//! Errors of reading a secret.

/// A cause, for logs. It contains no secret.
pub(crate) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why there is no value. No part of a secret is in it.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The store can't be reached, is sealed, or throttles; the next attempt may succeed.
    #[error("{variable}: the secret is not available now")]
    Unavailable {
        /// The variable that names the source.
        variable: String,
        /// The cause.
        source: Cause,
    },
    /// The store refuses the login or has no such secret; somebody has to mend that.
    #[error("{variable}: the secret can't be read")]
    Refused {
        /// The variable that names the source.
        variable: String,
        /// The cause.
        source: Cause,
    },
}

impl SecretError {
    /// Whether the next attempt may succeed without a change of the configuration.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}

/// A failed attempt, before the variable is known.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) transient: bool,
    pub(crate) cause: Cause,
}

impl Failed {
    pub(crate) fn transient(cause: impl Into<Cause>) -> Self {
        Self {
            transient: true,
            cause: cause.into(),
        }
    }

    pub(crate) fn lasting(cause: impl Into<Cause>) -> Self {
        Self {
            transient: false,
            cause: cause.into(),
        }
    }

    pub(crate) fn of(self, variable: &str) -> SecretError {
        let (variable, source) = (variable.to_owned(), self.cause);
        if self.transient {
            SecretError::Unavailable { variable, source }
        } else {
            SecretError::Refused { variable, source }
        }
    }
}
