//! Decoding, one module for each format.

mod gif;
mod jpeg;
mod png;
mod webp;

use exif::Exif;
use trichrome_image::{Format, Image};

use crate::{colour::Pixels, error::Failure, metadata, orientation::Orientation};

/// What a file contains, apart from its size.
pub(crate) struct Decoded {
    /// As stored, and reduced if the format allows it.
    pub(crate) pixels: Result<Pixels, Failure>,
    pub(crate) exif: Option<Exif>,
    pub(crate) orientation: Orientation,
}

impl Decoded {
    /// A file whose orientation is EXIF's.
    fn new(pixels: Result<Pixels, Failure>, exif: Option<Exif>) -> Self {
        let orientation = exif.as_ref().map(metadata::orientation);
        Self {
            pixels,
            orientation: orientation.unwrap_or_default(),
            exif,
        }
    }
}

/// Decodes a picture; of an animation, its first frame.
pub(crate) fn decode(image: Image, bytes: &[u8]) -> Decoded {
    match image.format {
        Format::Jpeg => jpeg::decode(image.size, bytes),
        Format::Png => png::decode(image.size, bytes),
        Format::Gif => Decoded::new(gif::decode(image.size, bytes), None),
        Format::Webp => webp::decode(image.size, bytes),
        Format::Avif => Decoded {
            pixels: Err(Failure::LeftToBrowsers),
            exif: metadata::of_file(bytes),
            orientation: Orientation::of_avif(bytes),
        },
    }
}
