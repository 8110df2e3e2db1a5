//! Real pictures of every format and size.

pub mod fields;
mod grow;
mod noise;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use sha2::{Digest as _, Sha256};

pub use trichrome_proto::wire::limits::MAX_PICTURE;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Png,
    Jpeg,
    /// `tiny` has version 87a, the others have 89a.
    Gif,
    /// `tiny` has the simple layout, the others have the extended one.
    Webp,
    Avif,
}

#[derive(Clone)]
pub struct Picture {
    pub format: Format,
    pub bytes: Vec<u8>,
    pub width: u32,
    pub height: u32,
}

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../fixtures/", $name))
    };
}

impl Format {
    pub const ALL: [Self; 5] = [Self::Png, Self::Jpeg, Self::Gif, Self::Webp, Self::Avif];

    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Gif => "image/gif",
            Self::Webp => "image/webp",
            Self::Avif => "image/avif",
        }
    }

    /// The name used in test names.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::Gif => "gif",
            Self::Webp => "webp",
            Self::Avif => "avif",
        }
    }

    /// A picture of at most a few hundred bytes.
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

    /// A picture of a few kilobytes.
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

    /// The photo, padded to a size in bytes with a private chunk, comments or a box of free space.
    /// The size of a WebP file is even.
    pub fn grown(self, size: usize) -> Picture {
        let photo = self.photo();
        let bytes = match self {
            Self::Png => grow::png(&photo.bytes, size),
            Self::Jpeg => grow::jpeg(&photo.bytes, size),
            Self::Gif => grow::gif(&photo.bytes, size),
            Self::Webp => grow::webp(&photo.bytes, size),
            Self::Avif => grow::avif(&photo.bytes, size),
        };
        assert_eq!(bytes.len(), size, "{self:?} was padded to another size");
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
    /// The bytes as padded base64 in the standard alphabet.
    pub fn base64(&self) -> String {
        BASE64_STANDARD.encode(&self.bytes)
    }

    pub fn hash(&self) -> String {
        hash(&self.bytes)
    }

    /// The bytes of each part of an upload: all of them up to 16 MiB, else 8 MiB each.
    pub fn parts(&self) -> impl Iterator<Item = &[u8]> {
        const MIB: usize = 1024 * 1024;
        let whole = self.bytes.len() <= 16 * MIB;
        self.bytes.chunks(if whole { 16 * MIB } else { 8 * MIB })
    }

    /// The SHA-256 of each part of an upload, in base64.
    pub fn checksums(&self) -> Vec<String> {
        self.parts()
            .map(|part| BASE64_STANDARD.encode(Sha256::digest(part)))
            .collect()
    }
}

/// A PNG of noise that takes some 8 bytes a pixel: 16 bits for each of red, green, blue and alpha, not
/// compressed.
pub fn noise_png(width: u32, height: u32) -> Picture {
    Picture {
        format: Format::Png,
        bytes: noise::png(width, height),
        width,
        height,
    }
}

/// The SHA-256 hash of bytes, in hexadecimal.
pub fn hash(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}
