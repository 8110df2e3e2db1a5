//! Turning pictures upright.

use trichrome_image::{Mirror, Size};

use crate::bitmap::Bitmap;

/// EXIF's orientation: where row 0 and column 0 of the stored picture are displayed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Orientation {
    /// 1: as stored.
    #[default]
    Upright,
    /// 2: mirrored from left to right.
    Mirrored,
    /// 3: turned by 180°.
    Turned,
    /// 4: mirrored from top to bottom.
    Flipped,
    /// 5: mirrored along the diagonal from the upper left corner.
    Transposed,
    /// 6: turned by 90° clockwise.
    Right,
    /// 7: mirrored along the diagonal from the upper right corner.
    Transverse,
    /// 8: turned by 90° anticlockwise.
    Left,
}

impl Orientation {
    /// EXIF's number. Unknown numbers are ignored, as by browsers.
    pub(crate) const fn from_exif(number: u32) -> Self {
        match number {
            2 => Self::Mirrored,
            3 => Self::Turned,
            4 => Self::Flipped,
            5 => Self::Transposed,
            6 => Self::Right,
            7 => Self::Transverse,
            8 => Self::Left,
            _ => Self::Upright,
        }
    }

    /// The orientation of an AVIF file. Browsers ignore EXIF's in it.
    pub(crate) fn of_avif(bytes: &[u8]) -> Self {
        let turned = trichrome_image::avif_transformation(bytes);
        // The mirror comes after the turn, which is anticlockwise.
        match (turned.quarter_turns % 4, turned.mirror) {
            (0, None) => Self::Upright,
            (1, None) => Self::Left,
            (2, None) => Self::Turned,
            (_, None) => Self::Right,
            (0, Some(Mirror::Horizontal)) | (2, Some(Mirror::Vertical)) => Self::Mirrored,
            (0, Some(Mirror::Vertical)) | (2, Some(Mirror::Horizontal)) => Self::Flipped,
            (1, Some(Mirror::Vertical)) | (3, Some(Mirror::Horizontal)) => Self::Transposed,
            (_, Some(Mirror::Vertical | Mirror::Horizontal)) => Self::Transverse,
        }
    }

    /// The size as displayed.
    pub(crate) const fn displayed(self, stored: Size) -> Size {
        match self {
            Self::Upright | Self::Mirrored | Self::Turned | Self::Flipped => stored,
            Self::Transposed | Self::Right | Self::Transverse | Self::Left => Size {
                width: stored.height,
                height: stored.width,
            },
        }
    }

    /// The picture as displayed.
    pub(crate) fn apply(self, stored: Bitmap) -> Bitmap {
        if self == Self::Upright {
            return stored;
        }
        let from = stored.size();
        let size = self.displayed(from);
        let (right, bottom) = (from.width - 1, from.height - 1);
        let pixels = stored.pixels();
        let mut bytes = Vec::with_capacity(stored.bytes().len());
        for y in 0..size.height {
            for x in 0..size.width {
                let (column, row) = match self {
                    Self::Upright => (x, y),
                    Self::Mirrored => (right - x, y),
                    Self::Turned => (right - x, bottom - y),
                    Self::Flipped => (x, bottom - y),
                    Self::Transposed => (y, x),
                    Self::Right => (y, bottom - x),
                    Self::Transverse => (right - y, bottom - x),
                    Self::Left => (right - y, x),
                };
                let at = row as usize * from.width as usize + column as usize;
                bytes.extend(pixels[at]);
            }
        }
        Bitmap::new(size, bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture of two rows of three pixels.
    fn stored() -> Bitmap {
        let bytes = b"abcdef".iter().flat_map(|&value| [value, 0, 0, 255]);
        Bitmap::new(
            Size {
                width: 3,
                height: 2,
            },
            bytes.collect(),
        )
    }

    #[test]
    fn every_orientation_is_as_exif_describes_it() {
        // EXIF 2.32, table 6: what the stored row 0 and column 0 are as displayed.
        for (number, rows) in [
            (1, &["abc", "def"][..]),
            (2, &["cba", "fed"]),
            (3, &["fed", "cba"]),
            (4, &["def", "abc"]),
            (5, &["ad", "be", "cf"]),
            (6, &["da", "eb", "fc"]),
            (7, &["fc", "eb", "da"]),
            (8, &["cf", "be", "ad"]),
            // Unknown.
            (0, &["abc", "def"]),
            (9, &["abc", "def"]),
        ] {
            let displayed = Orientation::from_exif(number).apply(stored());
            let width = displayed.size().width as usize;
            let letters: Vec<u8> = displayed.pixels().iter().map(|pixel| pixel[0]).collect();
            let found: Vec<_> = letters.chunks(width).map(str::from_utf8).collect();
            assert_eq!(
                found,
                rows.iter().map(|row| Ok(*row)).collect::<Vec<_>>(),
                "{number}"
            );
        }
    }
}
