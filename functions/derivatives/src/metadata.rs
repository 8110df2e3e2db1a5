//! EXIF.

use std::io::Cursor;

use exif::{Exif, In, Reader, Tag};

use crate::orientation::Orientation;

/// Parses EXIF's TIFF structure. What is unreadable in it counts as missing.
pub(crate) fn parse(tiff: &[u8]) -> Option<Exif> {
    // Some writers of PNG and WebP files put JPEG's prefix first.
    let tiff = tiff.strip_prefix(b"Exif\0\0").unwrap_or(tiff);
    let mut reader = Reader::new();
    reader.continue_on_error(true);
    let parsed = reader.read_raw(tiff.to_vec());
    parsed
        .or_else(|error| error.distill_partial_result(|_| ()))
        .ok()
}

/// Finds and parses the EXIF of a file of any format.
pub(crate) fn of_file(bytes: &[u8]) -> Option<Exif> {
    let mut reader = Reader::new();
    reader.continue_on_error(true);
    let parsed = reader.read_from_container(&mut Cursor::new(bytes));
    parsed
        .or_else(|error| error.distill_partial_result(|_| ()))
        .ok()
}

/// The orientation of the picture itself, not that of its thumbnail.
pub(crate) fn orientation(exif: &Exif) -> Orientation {
    exif.get_field(Tag::Orientation, In::PRIMARY)
        .and_then(|field| field.value.get_uint(0))
        .map_or_else(Orientation::default, Orientation::from_exif)
}
