//! The errors of signing up, logging in and checking a token.

use std::time::Duration;

use trichrome_proto::error::{ErrorCode, Fault};

/// A cause that is logged and never returned to the caller.
pub(crate) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why an operation failed. Messages of statuses below 500 are returned to the caller.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An operation on users failed: a taken name, a wrong password, the store.
    #[error(transparent)]
    User(#[from] trichrome_users::Error),
    /// 400: `method` or `path` isn't in the contract.
    #[error("\"{field}\" names no operation; {remedy}")]
    UnknownOperation {
        /// The field of the request.
        field: &'static str,
        /// What to send instead.
        remedy: &'static str,
    },
    /// 401: the operation needs a token, and there is none.
    #[error("\"access_token\" is missing; log in and send the token")]
    NoToken,
    /// 401: the token's signature, issuer, audience or expiry is wrong.
    #[error("the token is not valid or has expired; log in again")]
    Token(#[source] Cause),
    /// 401: the token is valid, but its user was deleted or revoked it.
    #[error("the token was revoked or its user is gone; log in again")]
    Revoked,
    /// 503: the store of the key can't be reached, or throttles.
    #[error("the token key is not available; try again")]
    KeyUnavailable(#[source] Cause),
    /// 500: the secret is missing or contains no valid key.
    #[error("the token key is invalid; check what TOKEN_KEY_SECRET_ID or TOKEN_KEY_SOURCE names")]
    Key(#[source] Cause),
    /// 500: signing failed.
    #[error("the token could not be signed")]
    Sign(#[source] Cause),
}

impl From<trichrome_secrets::SecretError> for Error {
    fn from(error: trichrome_secrets::SecretError) -> Self {
        if error.is_transient() {
            Self::KeyUnavailable(error.into())
        } else {
            Self::Key(error.into())
        }
    }
}

impl Fault for Error {
    fn code(&self) -> ErrorCode {
        match self {
            Self::User(error) => error.code(),
            Self::UnknownOperation { .. } => ErrorCode::InvalidArgument,
            Self::NoToken | Self::Token(_) | Self::Revoked => ErrorCode::Unauthenticated,
            Self::KeyUnavailable(_) => ErrorCode::Unavailable,
            Self::Key(_) | Self::Sign(_) => ErrorCode::Internal,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::User(error) => error.retry_after(),
            _ => None,
        }
    }
}
