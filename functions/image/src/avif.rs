//! AVIF (AV1 Image File Format 1.2, based on HEIF, ISO/IEC 23008-12): nested boxes.
//!
//! Chromium reads the boxes up to the ones it needs, and ignores what follows. A file with the brand
//! `avis` is shown as an animation, by its track, unless its major brand is `avif`; others are shown
//! by their primary item.

mod av1;
mod boxes;
mod grid;
mod item;
mod locations;
mod meta;
mod properties;
mod track;

use self::boxes::{Boxes, Found};
use crate::{Flaw, Refusal, Size, flaw};

/// Whether the file-type box has AVIF as major or compatible brand.
pub(crate) fn matches(bytes: &[u8]) -> bool {
    match brands(bytes) {
        Some(mut brands) => brands.any(|brand| matches!(brand, b"avif" | b"avis")),
        // Truncated in its first box.
        None => bytes
            .get(4..12)
            .is_some_and(|name| matches!(name, b"ftypavif" | b"ftypavis")),
    }
}

/// The brands in the file-type box, the major one first.
fn brands(bytes: &[u8]) -> Option<impl Iterator<Item = &[u8; 4]>> {
    // Some writers put free space first.
    let mut boxes = Boxes::of_file(bytes).map_while(Result::ok);
    let found = boxes.find(|found| !matches!(&found.kind, b"free" | b"skip"))?;
    if &found.kind != b"ftyp" {
        return None;
    }
    let (brands, rest) = found.body.rest().as_chunks::<4>();
    if brands.len() < 2 || !rest.is_empty() {
        return None;
    }
    // The second word is the minor version.
    Some(brands.iter().take(1).chain(brands.iter().skip(2)))
}

/// Parses the boxes that a viewer needs.
pub(crate) fn read(bytes: &[u8]) -> Result<Size, Refusal> {
    let brands: Vec<_> = brands(bytes)
        .ok_or_else(|| flaw!("its ftyp box is invalid or truncated"))?
        .collect();
    let has_track = brands.contains(&b"avis");
    let is_animation = has_track && brands.first() != Some(&b"avif");

    let (mut meta, mut movie, mut problem) = (None, None, None);
    for found in Boxes::of_file(bytes) {
        match found {
            Ok(Found { kind, body }) => match &kind {
                b"meta" if meta.is_none() => meta = Some(body),
                b"moov" if movie.is_none() => movie = Some(body),
                _ => {}
            },
            Err(flaw) => problem = Some(flaw),
        }
        if meta.is_some() && (movie.is_some() || !has_track) {
            break;
        }
    }
    let missing = |text: &'static str| problem.clone().unwrap_or(Flaw(text.into()));
    let meta = meta.ok_or_else(|| missing("it has no meta box, so it has no picture"))?;
    let size = meta::read(meta, bytes)?;
    if !has_track {
        return Ok(size);
    }
    let movie = movie.ok_or_else(|| missing("it has no moov box, so it has no animation"))?;
    let track = track::read(movie)?;
    if is_animation {
        return track.check(bytes, size);
    }
    Ok(size)
}

/// How a viewer turns and mirrors an AVIF file's picture. Orientations in EXIF don't count.
/// An invalid file isn't transformed.
pub fn transformation(bytes: &[u8]) -> Transformation {
    let mut boxes = Boxes::of_file(bytes).map_while(Result::ok);
    let meta = boxes.find(|found| &found.kind == b"meta");
    meta.and_then(|found| meta::transformation(found.body, bytes).ok())
        .unwrap_or_default()
}

/// A transformation of a picture: first it is turned, then mirrored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transformation {
    /// Turns by 90° anticlockwise, 0 to 3.
    pub quarter_turns: u8,
    /// How it is mirrored afterwards.
    pub mirror: Option<Mirror>,
}

/// How a picture is mirrored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mirror {
    /// Top and bottom change places.
    Vertical,
    /// Left and right change places.
    Horizontal,
}

/// Bytes of a file, checked.
fn slice(bytes: &[u8], from: u64, length: u64) -> Option<&[u8]> {
    let from = usize::try_from(from).ok()?;
    let length = usize::try_from(length).ok()?;
    bytes.get(from..from.checked_add(length)?)
}

/// The error for bytes that aren't in the file.
fn outside(what: &str, from: u64, until: u64, end: usize) -> Flaw {
    flaw!("{what} has bytes {from} to {until}, beyond the end at byte {end}")
}
