//! WebP, decoded by libwebp, as in browsers. Of an animation, the first frame is taken out and drawn on
//! a transparent canvas, because libwebp's decoder for animations decodes all frames.

use trichrome_image::Size;
use webp::{Decoder, PixelLayout};

use super::Decoded;
use crate::{
    bitmap::PIXEL,
    colour::{Colours, Pixels},
    error::Failure,
    metadata,
    reduce::Reducer,
};

/// The bytes before the first chunk: RIFF, the length, WEBP.
const HEADER: usize = 12;

/// The bytes of a frame before its own chunks (ANMF).
const FRAME_HEADER: usize = 16;

pub(super) fn decode(size: Size, bytes: &[u8]) -> Decoded {
    let chunk = |kind: &[u8; 4]| {
        let mut chunks = Chunks(bytes.get(HEADER..).unwrap_or_default());
        chunks
            .find(|(found, _)| *found == kind)
            .map(|(_, body)| body)
    };
    let colours = chunk(b"ICCP").map_or(Colours::Srgb, |profile| Colours::Icc(profile.to_vec()));
    let reducer = match chunk(b"ANMF") {
        None => draw(size, bytes, (0, 0)),
        Some(frame) => animated(size, frame),
    };
    let pixels = reducer.map(|reducer| Pixels::Rgb(reducer.finish(), colours));
    Decoded::new(pixels, chunk(b"EXIF").and_then(metadata::parse))
}

/// Draws a frame of an animation.
fn animated(size: Size, frame: &[u8]) -> Result<Reducer, Failure> {
    let (header, chunks) = frame
        .split_at_checked(FRAME_HEADER)
        .ok_or_else(|| Failure::damaged("its first frame is too short"))?;
    let number = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], 0]);
    // The position is stored in units of two pixels, the size less one.
    let place = (number(0) * 2, number(3) * 2);
    let (width, height) = (number(6), number(9));
    let has_alpha = Chunks(chunks).any(|(kind, _)| kind == b"ALPH");

    let mut still = b"WEBP".to_vec();
    if has_alpha {
        still.extend(b"VP8X\x0a\0\0\0\x10\0\0\0");
        still.extend(&width.to_le_bytes()[..3]);
        still.extend(&height.to_le_bytes()[..3]);
    }
    for (kind, body) in Chunks(chunks) {
        if matches!(kind, b"ALPH" | b"VP8 " | b"VP8L") {
            still.extend(kind);
            still.extend(u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes());
            still.extend(body);
            still.resize(still.len().next_multiple_of(2), 0);
        }
    }
    let mut file = b"RIFF".to_vec();
    file.extend(u32::try_from(still.len()).unwrap_or(u32::MAX).to_le_bytes());
    file.append(&mut still);
    draw(size, &file, place)
}

/// Draws a still picture at a place of the canvas.
fn draw(size: Size, file: &[u8], (left, top): (u32, u32)) -> Result<Reducer, Failure> {
    let decoded = Decoder::new(file).decode();
    let decoded = decoded.ok_or_else(|| Failure::damaged("its pixels can't be decoded"))?;
    let (channels, is_opaque) = match decoded.layout() {
        PixelLayout::Rgb => (3, true),
        PixelLayout::Rgba => (PIXEL, false),
    };
    let mut rows = decoded.chunks_exact(decoded.width().max(1) as usize * channels);
    let mut reducer = Reducer::new(size);
    let length = size.width as usize * PIXEL;
    let mut drawn = Vec::with_capacity(length);
    for y in 0..size.height {
        drawn.clear();
        if y >= top
            && let Some(row) = rows.next()
        {
            drawn.resize(left as usize * PIXEL, 0);
            if is_opaque {
                for &[red, green, blue] in row.as_chunks().0 {
                    drawn.extend([red, green, blue, u8::MAX]);
                }
            } else {
                drawn.extend_from_slice(row);
            }
        }
        drawn.resize(length, 0);
        reducer.push(&drawn);
    }
    Ok(reducer)
}

/// The chunks of a RIFF file, or those in a chunk.
struct Chunks<'a>(&'a [u8]);

impl<'a> Iterator for Chunks<'a> {
    type Item = (&'a [u8; 4], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (kind, rest) = self.0.split_first_chunk::<4>()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let body = rest.get(..length)?;
        self.0 = rest.get(length.next_multiple_of(2)..).unwrap_or_default();
        Some((kind, body))
    }
}
