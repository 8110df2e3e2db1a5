//! Why there are no derivatives.

use trichrome_image::{Format, ImageError};

/// Why a picture can't be decoded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It isn't one that is accepted.
    #[error(transparent)]
    Refused(#[from] ImageError),
    /// Its structure is valid, but not its pixels.
    #[error("the {0} file is damaged: {1}")]
    Damaged(Format, String),
    /// A WebP file can't be made of it.
    #[error("a preview can't be encoded: {0}")]
    NotEncoded(String),
}

/// Why a decoder has no pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The file uses a part of its format that browsers decode, but this crate's decoders don't.
    LeftToBrowsers,
    /// The file contradicts itself or ends early.
    Damaged(String),
}

impl Failure {
    pub(crate) fn damaged(reason: impl ToString) -> Self {
        Self::Damaged(reason.to_string())
    }
}
