//! How large the derivatives are.
//!
//! They have the shape of the picture and are never larger than it. The long side is fitted into a
//! limit, but the short side is at least a quarter of that limit: a strip of 790 x 36,861 pixels
//! fitted into 480 would be 10 pixels wide. Cropping was rejected: who lays out by the picture's
//! shape would stretch a crop, and text in a strip would be lost.

use trichrome_image::Size;

/// The longest side of a WebP file, in pixels.
pub const MAX_WEBP_SIDE: u32 = 16_383;

/// The thumbnail's limits.
pub const THUMBNAIL: Box = Box::new(480);

/// The preview's limits.
pub const PREVIEW: Box = Box::new(1600);

/// The limits of the picture that the placeholder is made of. ThumbHash takes at most 100 pixels.
pub(crate) const PLACEHOLDER: Box = Box {
    long: 100,
    short: 1,
    most: 100,
};

/// The limits of a derivative's sides, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Box {
    /// What the long side is fitted into, unless the short side would be too short.
    long: u32,
    /// What the short side has at least, if the picture has as much.
    short: u32,
    /// What the long side has at most in any case.
    most: u32,
}

impl Box {
    const fn new(long: u32) -> Self {
        Self {
            long,
            short: long / 4,
            most: MAX_WEBP_SIDE,
        }
    }

    /// The size of a picture's derivative, either upright or not.
    pub fn fit(self, of: Size) -> Size {
        let (long, short) = (of.width.max(of.height), of.width.min(of.height));
        let scaled = |side: u32, numerator: u32, denominator: u32| {
            let (side, numerator) = (u64::from(side), u64::from(numerator));
            let rounded =
                (side * numerator * 2 + u64::from(denominator)) / (u64::from(denominator) * 2);
            u32::try_from(rounded).unwrap_or(u32::MAX).max(1)
        };
        let fitted = self.long.max(scaled(long, self.short, short));
        let new_long = fitted.min(self.most).min(long);
        let new_short = scaled(short, new_long, long);
        match of.width >= of.height {
            true => Size {
                width: new_long,
                height: new_short,
            },
            false => Size {
                width: new_short,
                height: new_long,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_keep_the_shape_and_stay_readable() {
        let sides = |of: (u32, u32), into: Box| {
            let fitted = into.fit(Size {
                width: of.0,
                height: of.1,
            });
            (fitted.width, fitted.height)
        };
        for (of, thumbnail, preview) in [
            ((4000, 3000), (480, 360), (1600, 1200)),
            ((3000, 4000), (360, 480), (1200, 1600)),
            ((480, 480), (480, 480), (480, 480)),
            ((1, 1), (1, 1), (1, 1)),
            ((31, 17), (31, 17), (31, 17)),
            // A strip and a panorama keep a readable short side.
            ((790, 36_861), (120, 5599), (351, 16_383)),
            ((12_000, 800), (1800, 120), (6000, 400)),
            // At the limit of the ratio.
            ((8000, 2000), (480, 120), (1600, 400)),
            // Without a short side to keep, only WebP's limit counts.
            ((65_535, 1), (16_383, 1), (16_383, 1)),
            ((1, 65_535), (1, 16_383), (1, 16_383)),
            ((40_000, 100), (16_383, 41), (16_383, 41)),
        ] {
            assert_eq!(sides(of, THUMBNAIL), thumbnail, "{of:?}");
            assert_eq!(sides(of, PREVIEW), preview, "{of:?}");
            let (width, height) = sides(of, PLACEHOLDER);
            assert!(width <= 100 && height <= 100, "{of:?}");
        }
    }
}
