//! Checks that bytes are a picture that browsers show whole, and finds its format and size.
//!
//! The format is detected from the first bytes. Then the file's structure is parsed, without
//! decoding a pixel: memory and time are bounded by the file's size, not by what its header says.
//! The verdict is Chromium's, which is more lenient than the formats' specifications in some places
//! and stricter in others. `tests/chromium.rs` compares the two, and lists where and why they differ.
//!
//! The limits apply to what a viewer has to draw or to decode, whatever the header says.

mod avif;
mod error;
mod gif;
mod jpeg;
mod other;
mod png;
mod reader;
mod size;
mod webp;

use std::fmt;

pub use avif::{Mirror, Transformation, transformation as avif_transformation};
pub use error::{Flaw, ImageError, Unshown};
use error::{Refusal, flaw};
pub use size::{MAX_PIXELS, MAX_SIDE, Size};

/// A format that is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Portable Network Graphics, animated or not.
    Png,
    /// JPEG, baseline or progressive, with or without JFIF and EXIF headers.
    Jpeg,
    /// GIF87a or GIF89a.
    Gif,
    /// WebP, lossy, lossless or animated.
    Webp,
    /// AVIF, still or animated.
    Avif,
}

impl Format {
    /// The media type (IANA).
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Gif => "image/gif",
            Self::Webp => "image/webp",
            Self::Avif => "image/avif",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Png => "PNG",
            Self::Jpeg => "JPEG",
            Self::Gif => "GIF",
            Self::Webp => "WebP",
            Self::Avif => "AVIF",
        })
    }
}

/// A valid picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Image {
    /// How it is encoded.
    pub format: Format,
    /// Its size in pixels.
    pub size: Size,
}

/// Parses a file of one format.
type Read = fn(&[u8]) -> Result<Size, Refusal>;

/// Checks that the bytes are a picture.
///
/// # Errors
/// See [`ImageError`].
pub fn inspect(bytes: &[u8]) -> Result<Image, ImageError> {
    let (format, read): (_, Read) = match bytes {
        [0x89, b'P', b'N', b'G', ..] => (Format::Png, png::read),
        [0xFF, 0xD8, 0xFF, ..] => (Format::Jpeg, jpeg::read),
        [b'G', b'I', b'F', b'8', ..] => (Format::Gif, gif::read),
        [b'R', b'I', b'F', b'F', _, _, _, _, rest @ ..] if rest.starts_with(b"WEBP") => {
            (Format::Webp, webp::read)
        }
        _ if avif::matches(bytes) => (Format::Avif, avif::read),
        _ => return Err(ImageError::Unknown(other::guess(bytes))),
    };
    match read(bytes) {
        Ok(size) => Ok(Image { format, size }),
        Err(refusal) => Err(refusal.of(format)),
    }
}

#[cfg(test)]
mod tests;
