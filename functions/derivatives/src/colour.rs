//! Converting colours to sRGB, by moxcms.

use moxcms::{
    Chromaticity, CicpProfile, ColorPrimaries, ColorProfile, DataColorSpace, Layout,
    MatrixCoefficients, ToneReprCurve, TransferCharacteristics, TransformOptions, XyY,
};

use crate::{
    bitmap::{Bitmap, PIXEL},
    error::Failure,
};

/// The transfer functions of pictures with a high dynamic range: PQ and HLG.
const HDR: [TransferCharacteristics; 2] = [
    TransferCharacteristics::Smpte2084,
    TransferCharacteristics::Hlg,
];

/// How many pixels are converted at once.
const BATCH: usize = 4096;

/// Gamma 1/2.2 is what files say that mean sRGB, so within this tolerance nothing is converted.
const USUAL_GAMMA: f32 = 0.454_55;
const TOLERANCE: f32 = 0.005;

/// Decoded pixels, and what they mean.
#[derive(Debug)]
pub(crate) enum Pixels {
    /// Red, green, blue and alpha; for gray pictures, the same gray three times.
    Rgb(Bitmap, Colours),
    /// Amounts of cyan, magenta, yellow and black ink.
    Cmyk(Bitmap, Colours),
}

/// What colours mean.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Colours {
    Srgb,
    /// A profile in the format of the ICC.
    Icc(Vec<u8>),
    /// Numbers of H.273.
    Coded {
        primaries: u8,
        transfer: u8,
    },
    /// The exponent that the samples are encoded with.
    Gamma {
        gamma: f32,
        primaries: Option<Primaries>,
    },
}

/// Coordinates of CIE 1931.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Primaries {
    pub(crate) white: (f32, f32),
    pub(crate) red: (f32, f32),
    pub(crate) green: (f32, f32),
    pub(crate) blue: (f32, f32),
}

/// Converts pixels. A profile that is invalid, or of another kind than the pixels, is ignored, as by
/// browsers.
///
/// # Errors
/// Pictures with a high dynamic range are left to browsers, which know how bright the screen can be.
pub(crate) fn to_srgb(pixels: Pixels) -> Result<Bitmap, Failure> {
    let (bitmap, colours, has_inks) = match pixels {
        Pixels::Rgb(bitmap, colours) => (bitmap, colours, false),
        Pixels::Cmyk(bitmap, colours) => (bitmap, colours, true),
    };
    let profile = profile(colours);
    let transfer = profile.as_ref().and_then(|profile| profile.cicp);
    if transfer.is_some_and(|coded| HDR.contains(&coded.transfer_characteristics)) {
        return Err(Failure::LeftToBrowsers);
    }
    Ok(match profile {
        Some(profile) if has_inks && profile.color_space == DataColorSpace::Cmyk => {
            from_inks(bitmap, &profile)
        }
        _ if has_inks => without_profile(bitmap),
        Some(profile) => from_profile(bitmap, &profile),
        None => bitmap,
    })
}

/// The profile; `None` for sRGB.
fn profile(colours: Colours) -> Option<ColorProfile> {
    match colours {
        Colours::Srgb => None,
        Colours::Icc(bytes) => ColorProfile::new_from_slice(&bytes).ok(),
        Colours::Coded {
            primaries,
            transfer,
        } => {
            let coded = CicpProfile {
                color_primaries: primaries.try_into().ok()?,
                transfer_characteristics: transfer.try_into().ok()?,
                matrix_coefficients: MatrixCoefficients::Identity,
                full_range: true,
            };
            let mut profile = ColorProfile::new_srgb();
            profile.cicp = None;
            // moxcms 0.9.2 returns false whether it knows the numbers or not, and sets `cicp` if it
            // does.
            profile.update_rgb_colorimetry_from_cicp(coded);
            profile.cicp.is_some().then_some(profile)
        }
        Colours::Gamma { gamma, primaries } => from_gamma(gamma, primaries),
    }
}

fn from_gamma(gamma: f32, primaries: Option<Primaries>) -> Option<ColorProfile> {
    if gamma <= 0.0 || (primaries.is_none() && (gamma - USUAL_GAMMA).abs() < TOLERANCE) {
        return None;
    }
    let mut profile = ColorProfile::new_srgb();
    profile.cicp = None;
    let curve = ToneReprCurve::Parametric(vec![1.0 / gamma]);
    profile.red_trc = Some(curve.clone());
    profile.green_trc = Some(curve.clone());
    profile.blue_trc = Some(curve);
    if let Some(primaries) = primaries {
        let point = |(x, y)| Chromaticity { x, y };
        let white = XyY {
            x: primaries.white.0.into(),
            y: primaries.white.1.into(),
            yb: 1.0,
        };
        let primaries = ColorPrimaries {
            red: point(primaries.red),
            green: point(primaries.green),
            blue: point(primaries.blue),
        };
        profile.update_rgb_colorimetry(white, primaries);
    }
    Some(profile)
}

fn from_profile(mut bitmap: Bitmap, profile: &ColorProfile) -> Bitmap {
    let layout = match profile.color_space {
        DataColorSpace::Rgb => Layout::Rgba,
        DataColorSpace::Gray => Layout::GrayAlpha,
        _ => return bitmap,
    };
    let srgb = ColorProfile::new_srgb();
    let options = TransformOptions::default();
    let transform = profile.create_transform_8bit(layout, &srgb, Layout::Rgba, options);
    let Ok(transform) = transform else {
        return bitmap;
    };
    let mut source = Vec::with_capacity(BATCH * PIXEL);
    for pixels in bitmap.pixels_mut().chunks_mut(BATCH) {
        source.clear();
        match layout {
            Layout::GrayAlpha => {
                source.extend(pixels.iter().flat_map(|&[gray, .., alpha]| [gray, alpha]));
            }
            _ => source.extend_from_slice(pixels.as_flattened()),
        }
        if transform
            .transform(&source, pixels.as_flattened_mut())
            .is_err()
        {
            break;
        }
    }
    bitmap
}

fn from_inks(bitmap: Bitmap, profile: &ColorProfile) -> Bitmap {
    let srgb = ColorProfile::new_srgb();
    let options = TransformOptions::default();
    // moxcms names layouts by their number of samples.
    let transform = profile.create_transform_8bit(Layout::Rgba, &srgb, Layout::Rgb, options);
    let Ok(transform) = transform else {
        return without_profile(bitmap);
    };
    let mut bytes = Vec::with_capacity(bitmap.bytes().len());
    let mut converted = vec![0; BATCH * 3];
    for inks in bitmap.pixels().chunks(BATCH) {
        let converted = &mut converted[..inks.len() * 3];
        if transform.transform(inks.as_flattened(), converted).is_err() {
            return without_profile(bitmap);
        }
        for &[red, green, blue] in converted.as_chunks().0 {
            bytes.extend([red, green, blue, u8::MAX]);
        }
    }
    Bitmap::new(bitmap.size(), bytes)
}

/// Inks without a profile, as browsers show them: each subtracts its colour.
fn without_profile(mut bitmap: Bitmap) -> Bitmap {
    for pixel in bitmap.pixels_mut() {
        let [cyan, magenta, yellow, black] = pixel.map(|ink| u32::from(u8::MAX - ink));
        let light = |ink: u32| u8::try_from((ink * black + 127) / 255).unwrap_or(u8::MAX);
        *pixel = [light(cyan), light(magenta), light(yellow), u8::MAX];
    }
    bitmap
}
