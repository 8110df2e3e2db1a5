//! What can go wrong with a user.

use trichrome_proto::error::{ErrorCode, Fault};

/// A cause that is logged, never shown.
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why an operation on a user failed. Below 500 the text is the caller's to read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// 400: the name breaks a rule that the contract does not know.
    #[error("\"username\" must not begin or end with white space; remove it")]
    Username,
    /// 409: somebody has the name.
    #[error("this username is taken; choose another")]
    Taken,
    /// 404: there is no such user, or it is being deleted.
    #[error("there is no such user; check the id or the name")]
    NotFound,
    /// 401: one text for an unknown name and a wrong password, so that it tells no names.
    #[error("the username or the password is wrong; check both")]
    Credentials,
    /// 409: another change to the same user won, more often than we retry.
    #[error("another change to this user is under way; try again")]
    Conflict,
    /// 503: the store cannot be reached, or asks for patience.
    #[error("the user store is not available; try again")]
    Unavailable(#[source] Cause),
    /// 500: the store answered what it should not.
    #[error("the user store failed")]
    Store(#[source] Cause),
    /// 500: argon2 failed, or a stored hash is not one.
    #[error("the password could not be hashed")]
    Hash(#[source] Cause),
    /// The purge's own code: the user's pictures are not (all) gone.
    #[error("the user's pictures could not be deleted; try again")]
    Purge {
        /// The purge's code.
        code: ErrorCode,
        /// What it failed of.
        source: Cause,
    },
}

impl Fault for Error {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Username => ErrorCode::InvalidArgument,
            Self::Taken => ErrorCode::AlreadyExists,
            Self::NotFound => ErrorCode::NotFound,
            Self::Credentials => ErrorCode::Unauthenticated,
            Self::Conflict => ErrorCode::Aborted,
            Self::Unavailable(_) => ErrorCode::Unavailable,
            Self::Store(_) | Self::Hash(_) => ErrorCode::Internal,
            Self::Purge { code, .. } => *code,
        }
    }
}
