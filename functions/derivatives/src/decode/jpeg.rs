//! JPEG, decoded at the smallest of 1/8, 1/4, 1/2 and 1 of its size that is as large as the preview.
//!
//! A progressive file still takes 2 bytes for every sample of its full size, which
//! [`trichrome_image::MAX_PIXELS`] limits to 600 MB. What follows the first picture, such as the gain
//! map of an Ultra HDR file, is ignored.

use std::io::Read as _;

use jpeg_decoder::{Decoder, Error, PixelFormat};
use trichrome_image::Size;

use super::Decoded;
use crate::{
    bitmap::{Bitmap, PIXEL},
    colour::{Colours, Pixels},
    error::Failure,
    fit::PREVIEW,
    metadata,
};

/// Ends a file that lacks its end marker, which browsers show.
const END: &[u8] = &[0xFF, 0xD9];

pub(super) fn decode(size: Size, bytes: &[u8]) -> Decoded {
    let mut decoder = Decoder::new(bytes.chain(END));
    let pixels = pixels(&mut decoder, size);
    let exif = decoder.exif_data().and_then(metadata::parse);
    Decoded::new(pixels, exif)
}

fn pixels(decoder: &mut Decoder<impl std::io::Read>, size: Size) -> Result<Pixels, Failure> {
    let preview = PREVIEW.fit(size);
    let side = |side: u32| u16::try_from(side).unwrap_or(u16::MAX);
    let (width, height) = decoder
        .scale(side(preview.width), side(preview.height))
        .map_err(failure)?;
    let size = Size {
        width: width.into(),
        height: height.into(),
    };
    let format = decoder.info().map(|info| info.pixel_format);
    let bytes = decoder.decode().map_err(failure)?;
    let colours = decoder.icc_profile().map_or(Colours::Srgb, Colours::Icc);
    match format {
        Some(PixelFormat::L8) => {
            let pixels = bytes.iter().flat_map(|&gray| [gray, gray, gray, u8::MAX]);
            Ok(Pixels::Rgb(Bitmap::new(size, pixels.collect()), colours))
        }
        Some(PixelFormat::RGB24) => {
            let mut pixels = Vec::with_capacity(bytes.len() / 3 * PIXEL);
            for [red, green, blue] in bytes.as_chunks().0 {
                pixels.extend([*red, *green, *blue, u8::MAX]);
            }
            Ok(Pixels::Rgb(Bitmap::new(size, pixels), colours))
        }
        Some(PixelFormat::CMYK32) => Ok(Pixels::Cmyk(Bitmap::new(size, bytes), colours)),
        Some(PixelFormat::L16) | None => Err(Failure::LeftToBrowsers),
    }
}

/// Arithmetic coding and odd subsampling are valid, and browsers decode them.
fn failure(error: Error) -> Failure {
    match error {
        Error::Unsupported(_) => Failure::LeftToBrowsers,
        Error::Format(reason) => Failure::Damaged(reason),
        error => Failure::damaged(error),
    }
}
