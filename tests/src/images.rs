//! Pictures: real ones, of every format and size, and what is none.

mod grow;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use sha2::{Digest as _, Sha256};

pub use trichrome_proto::wire::limits::MAX_PICTURE;

/// A format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Portable Network Graphics.
    Png,
    /// JPEG.
    Jpeg,
    /// GIF: `tiny` of version 87a, the others of 89a.
    Gif,
    /// WebP: `tiny` in the simple layout, the others in the extended one.
    Webp,
    /// AVIF.
    Avif,
}

/// A picture.
#[derive(Clone)]
pub struct Picture {
    /// Its format.
    pub format: Format,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its width in pixels.
    pub width: u32,
    /// Its height in pixels.
    pub height: u32,
}

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../fixtures/", $name))
    };
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 5] = [Self::Png, Self::Jpeg, Self::Gif, Self::Webp, Self::Avif];

    /// The media type.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Gif => "image/gif",
            Self::Webp => "image/webp",
            Self::Avif => "image/avif",
        }
    }

    /// The name in tests' names.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::Gif => "gif",
            Self::Webp => "webp",
            Self::Avif => "avif",
        }
    }

    /// A picture of some hundred bytes at most.
    pub fn tiny(self) -> Picture {
        let bytes: &[u8] = match self {
            Self::Png => fixture!("tiny.png"),
            Self::Jpeg => fixture!("tiny.jpg"),
            Self::Gif => fixture!("tiny.gif"),
            Self::Webp => fixture!("tiny.webp"),
            Self::Avif => fixture!("tiny.avif"),
        };
        self.picture(bytes.to_vec(), 3, 2)
    }

    /// A picture of some kilobytes.
    pub fn photo(self) -> Picture {
        let bytes: &[u8] = match self {
            Self::Png => fixture!("photo.png"),
            Self::Jpeg => fixture!("photo.jpg"),
            Self::Gif => fixture!("photo.gif"),
            Self::Webp => fixture!("photo.webp"),
            Self::Avif => fixture!("photo.avif"),
        };
        self.picture(bytes.to_vec(), 192, 128)
    }

    /// The photo, grown to a size in bytes by what the format has for what is no picture: a
    /// private chunk, comments, a box of free space. (A WebP file's size is even.)
    pub fn grown(self, size: usize) -> Picture {
        let photo = self.photo();
        let bytes = match self {
            Self::Png => grow::png(&photo.bytes, size),
            Self::Jpeg => grow::jpeg(&photo.bytes, size),
            Self::Gif => grow::gif(&photo.bytes, size),
            Self::Webp => grow::webp(&photo.bytes, size),
            Self::Avif => grow::avif(&photo.bytes, size),
        };
        assert_eq!(bytes.len(), size, "{self:?} grown to another size");
        Picture { bytes, ..photo }
    }

    const fn picture(self, bytes: Vec<u8>, width: u32, height: u32) -> Picture {
        Picture {
            format: self,
            bytes,
            width,
            height,
        }
    }
}

impl Picture {
    /// Its bytes as base64: standard alphabet, padded.
    pub fn base64(&self) -> String {
        BASE64_STANDARD.encode(&self.bytes)
    }

    /// The hash of its bytes.
    pub fn hash(&self) -> String {
        hash(&self.bytes)
    }
}

/// A hash of bytes, for comparing and for messages.
pub fn hash(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}
