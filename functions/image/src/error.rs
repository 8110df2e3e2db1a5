//! Why bytes are refused.

use std::{borrow::Cow, fmt};

use crate::{Format, MAX_PIXELS, MAX_SIDE};

/// Why bytes aren't a picture that is accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// They have none of the formats.
    #[error("the content is {}; send a PNG, JPEG, GIF, WebP or AVIF file", .0.unwrap_or("not a picture"))]
    Unknown(Option<&'static str>),
    /// They begin like a picture, but are truncated or invalid.
    #[error("the {0} file is damaged: {1}; send the complete original")]
    Damaged(Format, Flaw),
    /// They are complete, but use a part of the format that browsers don't support.
    #[error("the {0} file {1}; convert it to an ordinary PNG, JPEG, GIF, WebP or AVIF file")]
    Unshown(Format, Unshown),
    /// Too many pixels.
    #[error(
        "the {format} file is too large: it takes {width} x {height} pixels to show, and the limit \
         is {MAX_PIXELS} in total and {MAX_SIDE} a side; send a smaller version"
    )]
    TooLarge {
        /// The format.
        format: Format,
        /// The width of the largest part, in pixels.
        width: u32,
        /// Its height in pixels.
        height: u32,
    },
}

/// What is wrong with a file, as a clause of a sentence. Positions count bytes from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw(pub(crate) Cow<'static, str>);

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Formats a [`Flaw`].
macro_rules! flaw {
    ($($text:tt)*) => {
        $crate::Flaw(::std::format!($($text)*).into())
    };
}
pub(crate) use flaw;

/// What browsers don't support in a file, as the rest of a sentence that begins with the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unshown(pub(crate) &'static str);

impl fmt::Display for Unshown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Why a file of some format is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// See [`ImageError::Damaged`].
    Damaged(Flaw),
    /// See [`ImageError::Unshown`].
    Unshown(&'static str),
    /// See [`ImageError::TooLarge`].
    TooLarge {
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
    },
    /// It is not of this format. See [`ImageError::Unknown`].
    Other(&'static str),
}

impl Refusal {
    /// The error for a file of this format.
    pub(crate) fn of(self, format: Format) -> ImageError {
        match self {
            Self::Damaged(flaw) => ImageError::Damaged(format, flaw),
            Self::Unshown(what) => ImageError::Unshown(format, Unshown(what)),
            Self::TooLarge { width, height } => ImageError::TooLarge {
                format,
                width,
                height,
            },
            Self::Other(what) => ImageError::Unknown(Some(what)),
        }
    }
}

impl From<Flaw> for Refusal {
    fn from(flaw: Flaw) -> Self {
        Self::Damaged(flaw)
    }
}
