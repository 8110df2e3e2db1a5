//! Sizes in pixels, and their limits.

use crate::{Refusal, flaw};

/// The longest side that is accepted, in pixels: the limit of JPEG and GIF.
pub const MAX_SIDE: u32 = 65_535;

/// The most pixels that are accepted: 100 megapixels, which take 400 MB as RGBA in a viewer. A file
/// of a few hundred bytes can claim more and crash a browser.
pub const MAX_PIXELS: u64 = 100_000_000;

/// A size in pixels, as stored: without the rotation of EXIF or AVIF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// 1 to [`MAX_SIDE`].
    pub width: u32,
    /// 1 to [`MAX_SIDE`].
    pub height: u32,
}

impl Size {
    /// Checks the size of something that is drawn or decoded.
    pub(crate) fn new(width: u32, height: u32) -> Result<Self, Refusal> {
        if width == 0 || height == 0 {
            return Err(flaw!("its header says {width} x {height} pixels").into());
        }
        let pixels = u64::from(width) * u64::from(height);
        if width > MAX_SIDE || height > MAX_SIDE || pixels > MAX_PIXELS {
            return Err(Refusal::TooLarge { width, height });
        }
        Ok(Self { width, height })
    }
}
