//! GIF. The first frame is drawn on a transparent screen.

use gif::{ColorOutput, DecodeOptions, MemoryLimit};
use trichrome_image::{MAX_PIXELS, Size};

use crate::{
    bitmap::PIXEL,
    colour::{Colours, Pixels},
    error::Failure,
    reduce::Reducer,
};

/// The colours of a palette.
const COLOURS: usize = 256;

pub(super) fn decode(size: Size, bytes: &[u8]) -> Result<Pixels, Failure> {
    let mut options = DecodeOptions::new();
    // One byte a pixel; the palette is applied row by row.
    options.set_color_output(ColorOutput::Indexed);
    options.allow_unknown_blocks(true);
    options.set_memory_limit(MemoryLimit::Bytes(
        std::num::NonZeroU64::new(MAX_PIXELS).unwrap_or(std::num::NonZeroU64::MIN),
    ));
    let mut file = options.read_info(bytes).map_err(Failure::damaged)?;
    let global = file.global_palette().map(<[u8]>::to_vec);
    let frame = file.read_next_frame().map_err(Failure::damaged)?;
    let frame = frame.ok_or_else(|| Failure::damaged("it has no frame"))?;

    let palette = frame.palette.as_deref().or(global.as_deref());
    let palette = colours(palette.unwrap_or_default(), frame.transparent);
    let left = usize::from(frame.left) * PIXEL;
    let (top, width) = (u32::from(frame.top), usize::from(frame.width));
    let mut rows = frame.buffer.chunks_exact(width.max(1));
    let mut reducer = Reducer::new(size);
    let length = size.width as usize * PIXEL;
    let mut row = Vec::with_capacity(length);
    for y in 0..size.height {
        row.clear();
        if y >= top
            && let Some(indices) = rows.next()
        {
            row.resize(left, 0);
            row.extend(
                indices
                    .iter()
                    .flat_map(|&index| palette[usize::from(index)]),
            );
        }
        row.resize(length, 0);
        reducer.push(&row);
    }
    Ok(Pixels::Rgb(reducer.finish(), Colours::Srgb))
}

/// Red, green, blue and alpha of each index. Those without a colour are transparent.
fn colours(palette: &[u8], transparent: Option<u8>) -> [[u8; PIXEL]; COLOURS] {
    let mut colours = [[0; PIXEL]; COLOURS];
    for (&[red, green, blue], colour) in palette.as_chunks().0.iter().zip(&mut colours) {
        *colour = [red, green, blue, u8::MAX];
    }
    if let Some(index) = transparent {
        colours[usize::from(index)] = [0; PIXEL];
    }
    colours
}
