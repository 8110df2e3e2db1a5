//! Makes a picture's derivatives: a thumbnail, a preview and a placeholder, all upright, in sRGB and
//! without metadata; and finds out how large it is displayed and when it was taken.
//!
//! [`derive()`] takes the bytes of a file that [`trichrome_image::inspect`] accepts. Sizes are limited
//! before anything is decoded. Pictures are reduced while they are decoded wherever the format allows
//! it, so that memory depends on the derivatives' size rather than the picture's: JPEGs by their
//! inverse transform, PNGs row by row.

mod bitmap;
mod colour;
mod decode;
mod encode;
mod error;
mod fit;
mod metadata;
mod orientation;
mod reduce;
mod taken_at;
mod wire;

use trichrome_image::{Format, Size};

pub use error::Error;
pub use fit::{Box, MAX_WEBP_SIDE, PREVIEW, THUMBNAIL};
pub use wire::{MalformedReply, Reply};

use crate::{bitmap::Bitmap, error::Failure, orientation::Orientation};

/// What is made of a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Derivatives {
    /// The width in pixels as displayed: turned as its metadata says.
    pub displayed_width: u32,
    /// The height in pixels as displayed.
    pub displayed_height: u32,
    /// When it was taken: the local time of that place in ISO 8601, with fraction and UTC offset if
    /// known.
    pub taken_at: Option<String>,
    /// `None` if only browsers decode such a file.
    pub images: Option<Images>,
}

/// The pictures made of a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Images {
    /// A WebP file that fits in [`THUMBNAIL`].
    pub thumbnail: Vec<u8>,
    /// A WebP file that fits in [`PREVIEW`].
    pub preview: Vec<u8>,
    /// A ThumbHash, of about 25 bytes.
    pub placeholder: Vec<u8>,
}

/// Makes the derivatives of a picture.
///
/// # Errors
/// [`Error`] if the picture can't be decoded.
pub fn derive(bytes: &[u8]) -> Result<Derivatives, Error> {
    let image = trichrome_image::inspect(bytes)?;
    let decoded = decode::decode(image, bytes);
    let (orientation, exif) = (decoded.orientation, decoded.exif);
    let displayed = orientation.displayed(image.size);
    let images = match decoded.pixels.and_then(colour::to_srgb) {
        Ok(pixels) => Some(make(pixels, image.size, orientation)?),
        Err(Failure::LeftToBrowsers) => None,
        Err(Failure::Damaged(reason)) => return Err(Error::Damaged(image.format, reason)),
    };
    Ok(Derivatives {
        displayed_width: displayed.width,
        displayed_height: displayed.height,
        taken_at: exif.and_then(|exif| taken_at::of(&exif)),
        images,
    })
}

/// Finds out what is known of a picture without decoding it: everything but the images.
///
/// # Errors
/// [`Error::Refused`].
pub fn describe(bytes: &[u8]) -> Result<Derivatives, Error> {
    let image = trichrome_image::inspect(bytes)?;
    let exif = metadata::of_file(bytes);
    let orientation = match image.format {
        Format::Avif => Orientation::of_avif(bytes),
        _ => exif.as_ref().map(metadata::orientation).unwrap_or_default(),
    };
    let displayed = orientation.displayed(image.size);
    Ok(Derivatives {
        displayed_width: displayed.width,
        displayed_height: displayed.height,
        taken_at: exif.and_then(|exif| taken_at::of(&exif)),
        images: None,
    })
}

/// Makes all pictures of one that may be reduced already.
fn make(decoded: Bitmap, full: Size, orientation: Orientation) -> Result<Images, Error> {
    let preview = decoded.resized(PREVIEW.fit(full));
    drop(decoded);
    let preview = orientation.apply(preview);
    let thumbnail = preview.resized(THUMBNAIL.fit(orientation.displayed(full)));
    let placeholder = thumbnail.resized(fit::PLACEHOLDER.fit(thumbnail.size()));
    let size = placeholder.size();
    Ok(Images {
        thumbnail: encode::webp(&thumbnail)?,
        preview: encode::webp(&preview)?,
        placeholder: thumbhash::rgba_to_thumb_hash(
            size.width as usize,
            size.height as usize,
            placeholder.bytes(),
        ),
    })
}

#[cfg(test)]
mod tests;
