//! Reducing a picture while it is decoded.

use trichrome_image::Size;

use crate::{
    bitmap::{Bitmap, PIXEL},
    fit::PREVIEW,
};

/// How many times larger than the preview a reduced picture is at least, so that the better filter
/// of the last step decides how it looks.
const MARGIN: u32 = 2;

/// Takes a picture's rows from the top, and averages squares of its pixels.
pub(crate) struct Reducer {
    width: usize,
    /// The side of a square.
    factor: usize,
    reduced: Size,
    /// For each square of the current row of squares, the sums of red, green and blue times alpha,
    /// and of alpha. With the largest factor, 20, they stay below 2^25.
    sums: Vec<[u32; PIXEL]>,
    /// The rows in `sums`.
    rows: usize,
    bytes: Vec<u8>,
}

impl Reducer {
    /// A reducer for a picture of this size.
    pub(crate) fn new(of: Size) -> Self {
        let preview = PREVIEW.fit(of);
        let times = |full: u32, side: u32| full / (side * MARGIN);
        let factor = times(of.width, preview.width)
            .min(times(of.height, preview.height))
            .max(1);
        let reduced = Size {
            width: of.width.div_ceil(factor),
            height: of.height.div_ceil(factor),
        };
        Self {
            width: of.width as usize,
            factor: factor as usize,
            reduced,
            sums: vec![[0; PIXEL]; reduced.width as usize],
            rows: 0,
            bytes: Vec::with_capacity(reduced.width as usize * reduced.height as usize * PIXEL),
        }
    }

    /// Takes the next row: red, green, blue and alpha of each pixel.
    pub(crate) fn push(&mut self, row: &[u8]) {
        if self.factor == 1 {
            self.bytes.extend_from_slice(row);
            return;
        }
        let (pixels, _) = row.as_chunks::<PIXEL>();
        for (square, sum) in pixels.chunks(self.factor).zip(&mut self.sums) {
            for &[red, green, blue, alpha] in square {
                let alpha = u32::from(alpha);
                sum[0] += u32::from(red) * alpha;
                sum[1] += u32::from(green) * alpha;
                sum[2] += u32::from(blue) * alpha;
                sum[3] += alpha;
            }
        }
        self.rows += 1;
        if self.rows == self.factor {
            self.end_row();
        }
    }

    /// Writes a row of averages. Squares at the right and lower edge may be incomplete.
    fn end_row(&mut self) {
        for (at, sum) in self.sums.iter_mut().enumerate() {
            let columns = self.factor.min(self.width - at * self.factor);
            let count = u32::try_from(columns * self.rows).unwrap_or(u32::MAX);
            let [red, green, blue, alpha] = *sum;
            let average = |sum: u32, of: u32| match of {
                0 => 0,
                _ => u8::try_from((sum + of / 2) / of).unwrap_or(u8::MAX),
            };
            self.bytes.extend([
                average(red, alpha),
                average(green, alpha),
                average(blue, alpha),
                average(alpha, count),
            ]);
            *sum = [0; PIXEL];
        }
        self.rows = 0;
    }

    /// The reduced picture.
    pub(crate) fn finish(mut self) -> Bitmap {
        if self.rows > 0 {
            self.end_row();
        }
        Bitmap::new(self.reduced, self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reduce(width: u32, height: u32, pixel: impl Fn(u32, u32) -> [u8; 4]) -> Bitmap {
        let mut reducer = Reducer::new(Size { width, height });
        for y in 0..height {
            let row: Vec<u8> = (0..width).flat_map(|x| pixel(x, y)).collect();
            reducer.push(&row);
        }
        reducer.finish()
    }

    #[test]
    fn a_small_picture_stays_as_it_is() {
        let small = reduce(3, 2, |x, y| [x as u8, y as u8, 7, 8]);
        assert_eq!(
            small.size(),
            Size {
                width: 3,
                height: 2
            }
        );
        assert_eq!(small.pixels()[4], [1, 1, 7, 8]);
    }

    #[test]
    fn squares_are_averaged_up_to_the_edges() {
        // 9601 pixels are reduced by 3, with one column left.
        let large = reduce(9601, 9601, |x, y| {
            let value = if x == 9600 || y == 9600 {
                90
            } else {
                (x % 3 * 30) as u8
            };
            [value, 0, 0, 255]
        });
        let side = 3201;
        assert_eq!(
            large.size(),
            Size {
                width: side,
                height: side
            }
        );
        let pixels = large.pixels();
        assert_eq!(pixels[0], [30, 0, 0, 255]);
        assert_eq!(pixels[side as usize - 1], [90, 0, 0, 255]);
        assert_eq!(pixels.last(), Some(&[90, 0, 0, 255]));
    }

    #[test]
    fn transparent_pixels_have_no_colour() {
        let half = reduce(6400, 6400, |x, _| match x % 2 {
            0 => [200, 100, 50, 255],
            _ => [0, 255, 0, 0],
        });
        assert_eq!(half.size().width, 3200);
        assert_eq!(half.pixels()[1], [200, 100, 50, 128]);
    }
}
