//! PNG, reduced row by row. Interlaced ones are decoded whole, in 8 bits a sample. Of an animation,
//! the picture that stands for it in viewers without animations is taken.

use std::io::Cursor;

use png::{ColorType, DecodeOptions, Decoder, Info, Reader, Transformations};
use trichrome_image::Size;

use super::Decoded;
use crate::{
    bitmap::PIXEL,
    colour::{Colours, Pixels, Primaries},
    error::Failure,
    metadata,
    reduce::Reducer,
};

type File<'a> = Reader<Cursor<&'a [u8]>>;

/// What a decoder may take apart from pixels, in bytes. The longest row takes 0.5 MB.
const LIMIT: usize = 64 * 1024 * 1024;

pub(super) fn decode(size: Size, bytes: &[u8]) -> Decoded {
    let mut options = DecodeOptions::default();
    // Which ones count is decided by the check of the file, as in browsers.
    options.set_ignore_checksums(true);
    options.set_ignore_text_chunk(true);
    let mut decoder = Decoder::new_with_options(Cursor::new(bytes), options);
    decoder.set_limits(png::Limits { bytes: LIMIT });
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    let mut file = match decoder.read_info() {
        Ok(file) => file,
        Err(error) => return Decoded::new(Err(Failure::damaged(error)), None),
    };
    let colours = colours(file.info());
    let reduced = if file.info().interlaced {
        whole(&mut file, size)
    } else {
        by_rows(&mut file, size)
    };
    let pixels = reduced.map(|reducer| Pixels::Rgb(reducer.finish(), colours));
    // EXIF may follow the pixels. What is invalid there doesn't matter.
    if file.info().exif_metadata.is_none() {
        let _ = file.finish();
    }
    let exif = file.info().exif_metadata.as_deref();
    Decoded::new(pixels, exif.and_then(metadata::parse))
}

fn by_rows(file: &mut File<'_>, size: Size) -> Result<Reducer, Failure> {
    let colour = file.output_color_type().0;
    let mut reducer = Reducer::new(size);
    let mut expanded = Vec::with_capacity(size.width as usize * PIXEL);
    for _ in 0..size.height {
        let row = file.next_row().map_err(Failure::damaged)?;
        let row = row.ok_or_else(|| Failure::damaged("its pixels end early"))?;
        expand(row.data(), colour, &mut expanded);
        reducer.push(&expanded);
    }
    Ok(reducer)
}

fn whole(file: &mut File<'_>, size: Size) -> Result<Reducer, Failure> {
    let colour = file.output_color_type().0;
    let length = file.output_buffer_size();
    let length = length.ok_or_else(|| Failure::damaged("its pixels take too much memory"))?;
    let mut pixels = vec![0; length];
    let info = file.next_frame(&mut pixels).map_err(Failure::damaged)?;
    let mut reducer = Reducer::new(size);
    let mut expanded = Vec::with_capacity(size.width as usize * PIXEL);
    for row in pixels.chunks_exact(info.line_size) {
        expand(row, colour, &mut expanded);
        reducer.push(&expanded);
    }
    Ok(reducer)
}

/// Expands a row of 8 bits a sample to red, green, blue and alpha.
fn expand(row: &[u8], colour: ColorType, into: &mut Vec<u8>) {
    into.clear();
    match colour {
        ColorType::Grayscale => {
            into.extend(row.iter().flat_map(|&gray| [gray, gray, gray, u8::MAX]));
        }
        ColorType::GrayscaleAlpha => {
            for &[gray, alpha] in row.as_chunks().0 {
                into.extend([gray, gray, gray, alpha]);
            }
        }
        ColorType::Rgb => {
            for &[red, green, blue] in row.as_chunks().0 {
                into.extend([red, green, blue, u8::MAX]);
            }
        }
        // A palette is expanded by the decoder.
        ColorType::Rgba | ColorType::Indexed => into.extend_from_slice(row),
    }
}

/// What the colours mean, by the order of PNG 3, section 4.3: cICP, iCCP, sRGB, gAMA and cHRM.
fn colours(info: &Info<'_>) -> Colours {
    if let Some(points) = &info.coding_independent_code_points {
        return Colours::Coded {
            primaries: points.color_primaries,
            transfer: points.transfer_function,
        };
    }
    if let Some(profile) = &info.icc_profile {
        return Colours::Icc(profile.to_vec());
    }
    if info.srgb.is_some() {
        return Colours::Srgb;
    }
    let Some(gamma) = info.gama_chunk else {
        return Colours::Srgb;
    };
    let primaries = info.chrm_chunk.map(|chunk| {
        let point = |(x, y): (png::ScaledFloat, png::ScaledFloat)| (x.into_value(), y.into_value());
        Primaries {
            white: point(chunk.white),
            red: point(chunk.red),
            green: point(chunk.green),
            blue: point(chunk.blue),
        }
    });
    Colours::Gamma {
        gamma: gamma.into_value(),
        primaries,
    }
}
