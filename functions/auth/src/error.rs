//! What can go wrong with signing up, logging in and checking a token.

use trichrome_proto::error::{ErrorCode, Fault};

/// A cause that is logged, never shown.
pub(crate) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why an operation failed. Below 500 the text is the caller's to read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The user's own trouble: a taken name, a wrong password, the store.
    #[error(transparent)]
    User(#[from] trichrome_users::Error),
    /// 400: `method` or `path` is not of the contract.
    #[error("\"{field}\" names no operation; {remedy}")]
    UnknownOperation {
        /// The field of the request.
        field: &'static str,
        /// What it may hold.
        remedy: &'static str,
    },
    /// 401: no token, for what needs one.
    #[error("\"access_token\" is missing; log in and send the token")]
    NoToken,
    /// 401: the token's signature, issuer, audience or time is not right.
    #[error("the token is not valid or has expired; log in again")]
    Token(#[source] Cause),
    /// 401: the token is right, but its user has been deleted.
    #[error("the token's user does not exist any more; sign up again")]
    UserGone,
    /// 503: the key's store cannot be reached, or asks for patience.
    #[error("the token key is not available; try again")]
    KeyUnavailable(#[source] Cause),
    /// 500: the secret is missing or holds no key.
    #[error("the token key cannot be used; check the secret that TOKEN_KEY_SECRET_ID names")]
    Key(#[source] Cause),
    /// 500: signing failed.
    #[error("the token could not be signed")]
    Sign(#[source] Cause),
}

impl Fault for Error {
    fn code(&self) -> ErrorCode {
        match self {
            Self::User(error) => error.code(),
            Self::UnknownOperation { .. } => ErrorCode::InvalidArgument,
            Self::NoToken | Self::Token(_) | Self::UserGone => ErrorCode::Unauthenticated,
            Self::KeyUnavailable(_) => ErrorCode::Unavailable,
            Self::Key(_) | Self::Sign(_) => ErrorCode::Internal,
        }
    }
}
