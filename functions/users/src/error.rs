//! The errors of operations on users.

use std::time::Duration;

use trichrome_proto::error::{ErrorCode, Fault};

/// A cause that is logged and never returned to the caller.
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why an operation on a user failed. Messages of statuses below 500 are returned to the caller.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// 400: the name breaks a rule that the contract doesn't have.
    #[error(
        "\"username\" must be letters, digits and ASCII punctuation in words with single spaces \
         between them; remove symbols, invisible characters and other white space"
    )]
    Username,
    /// 409: another user has the name.
    #[error("this username is taken; choose another")]
    Taken,
    /// 404: the user doesn't exist or is being deleted.
    #[error("there is no such user; check the id or the name")]
    NotFound,
    /// 401: the same message for an unknown name and a wrong password, so that it reveals no names.
    #[error("the username or the password is wrong; check both")]
    Credentials,
    /// 401: the caller's token was revoked, or its user is gone.
    #[error("the token was revoked or its user is gone; log in again")]
    Revoked,
    /// 403: the current password of the caller is wrong. Not 401, which would mean the token.
    #[error("\"current_password\" is wrong; check it")]
    WrongPassword,
    /// 429: too many wrong passwords.
    #[error("too many wrong passwords; try again later")]
    Throttled {
        /// The time until the next attempt may be made.
        retry_after: Duration,
    },
    /// 429: as many users were created as the limits allow.
    #[error("too many users are being created; try again later")]
    TooManySignups {
        /// The time until more may be created.
        retry_after: Duration,
    },
    /// 409: every attempt conflicted with another change to the same user.
    #[error("another change to this user is under way; try again")]
    Conflict,
    /// 503: the store can't be reached, or throttles.
    #[error("the user store is not available; try again")]
    Unavailable(#[source] Cause),
    /// 500: the store refused a request or returned something unexpected.
    #[error("the user store failed")]
    Store(#[source] Cause),
    /// 500: argon2 failed, or a stored hash is invalid.
    #[error("the password could not be hashed")]
    Hash(#[source] Cause),
    /// Not all of the user's pictures could be deleted.
    #[error("the user's pictures could not be deleted; try again")]
    Purge {
        /// The code of the cause.
        code: ErrorCode,
        /// Why the purge failed.
        source: Cause,
    },
}

impl Fault for Error {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Username => ErrorCode::InvalidArgument,
            Self::Taken => ErrorCode::AlreadyExists,
            Self::NotFound => ErrorCode::NotFound,
            Self::Credentials | Self::Revoked => ErrorCode::Unauthenticated,
            Self::WrongPassword => ErrorCode::PermissionDenied,
            Self::Throttled { .. } | Self::TooManySignups { .. } => ErrorCode::ResourceExhausted,
            Self::Conflict => ErrorCode::Aborted,
            Self::Unavailable(_) => ErrorCode::Unavailable,
            Self::Store(_) | Self::Hash(_) => ErrorCode::Internal,
            Self::Purge { code, .. } => *code,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Throttled { retry_after } | Self::TooManySignups { retry_after } => {
                Some(*retry_after)
            }
            _ => None,
        }
    }
}
