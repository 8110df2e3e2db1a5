//! Checks that bytes are a picture, and detects its format and size.
//!
//! The format is detected from the first bytes. Then the file's structure is parsed to the end,
//! without decoding a pixel. A truncated file, or one whose header contradicts its data, is
//! refused, and the work is bounded by the file's size, not by its header.
//!
//! Bytes after a picture's end are kept and ignored in PNG, JPEG and GIF, which have an end
//! marker: cameras append previews and notes to JPEG files, and viewers ignore them. WebP and
//! AVIF contain the length of every part, so extra bytes are an error there.

mod avif;
mod gif;
mod jpeg;
mod png;
mod reader;
mod webp;

use std::{borrow::Cow, fmt};

/// The longest side that is accepted, in pixels: the limit of JPEG and GIF.
pub const MAX_SIDE: u32 = 65_535;

/// The most pixels that are accepted: 100 megapixels, which take 400 MB as RGBA in a viewer. A file
/// of a few hundred bytes can claim more and crash a browser.
pub const MAX_PIXELS: u64 = 100_000_000;

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

/// A size in pixels, as stored: without the rotation of EXIF or AVIF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// 1 to [`MAX_SIDE`].
    pub width: u32,
    /// 1 to [`MAX_SIDE`].
    pub height: u32,
}

impl Size {
    /// Checks the size in a header.
    fn new(width: u32, height: u32) -> Result<Self, Flaw> {
        if width == 0 || height == 0 {
            return Err(flaw!("its header says {width} x {height} pixels"));
        }
        if width > MAX_SIDE || height > MAX_SIDE {
            return Err(flaw!(
                "its header says {width} x {height} pixels; the limit of a side is {MAX_SIDE}"
            ));
        }
        if u64::from(width) * u64::from(height) > MAX_PIXELS {
            return Err(flaw!(
                "its header says {width} x {height} pixels; the limit in total is {MAX_PIXELS}"
            ));
        }
        Ok(Self { width, height })
    }
}

/// Why bytes aren't a picture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// They have none of the formats.
    #[error("the content is {}; send a PNG, JPEG, GIF, WebP or AVIF file", .0.unwrap_or("not a picture"))]
    Unknown(Option<&'static str>),
    /// They begin like a picture, but are truncated or invalid.
    #[error("the {0} file is damaged: {1}; send the complete original")]
    Damaged(Format, Flaw),
}

/// What is wrong with a file, as a clause of a sentence. Positions count bytes from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw(Cow<'static, str>);

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Formats a [`Flaw`].
macro_rules! flaw {
    ($($text:tt)*) => {
        $crate::image::Flaw(::std::format!($($text)*).into())
    };
}
use flaw;

/// Parses a file of one format.
type Read = fn(&[u8]) -> Result<Size, Flaw>;

/// Checks that the bytes are a picture.
///
/// # Errors
/// See [`ImageError`].
pub fn inspect(bytes: &[u8]) -> Result<Image, ImageError> {
    let (format, read): (_, Read) = match bytes {
        [0x89, b'P', b'N', b'G', ..] => (Format::Png, png::read),
        [0xFF, 0xD8, 0xFF, ..] => (Format::Jpeg, jpeg::read),
        [b'G', b'I', b'F', b'8', ..] => (Format::Gif, gif::read),
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'E',
            b'B',
            b'P',
            ..,
        ] => (Format::Webp, webp::read),
        _ if avif::matches(bytes) => (Format::Avif, avif::read),
        _ => return Err(ImageError::Unknown(guess(bytes))),
    };
    match read(bytes) {
        Ok(size) => Ok(Image { format, size }),
        Err(flaw) => Err(ImageError::Damaged(format, flaw)),
    }
}

/// Recognizes files that are often sent by mistake, so that the message can name them.
fn guess(bytes: &[u8]) -> Option<&'static str> {
    let is_text = bytes
        .iter()
        .take(64)
        .all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace());
    Some(match bytes {
        [_, _, _, _, b'f', b't', b'y', b'p', b'h', b'e', ..]
        | [
            _,
            _,
            _,
            _,
            b'f',
            b't',
            b'y',
            b'p',
            b'm',
            b'i',
            b'f',
            b'1',
            ..,
        ] => "a HEIC file",
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => "a video or another ISO media file",
        [b'B', b'M', ..] => "a BMP file",
        [b'I', b'I', 42, 0, ..] | [b'M', b'M', 0, 42, ..] => "a TIFF file, or a camera's raw file",
        [0xFF, 0x0A, ..] | [0, 0, 0, 12, b'J', b'X', b'L', b' ', ..] => "a JPEG XL file",
        [0, 0, 1, 0, ..] => "an ICO file",
        [b'%', b'P', b'D', b'F', ..] => "a PDF file",
        _ if is_text => "text, not a picture's bytes",
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
