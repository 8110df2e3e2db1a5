//! ISO base media file format (ISO/IEC 14496-12): a sequence of boxes.

use crate::{
    Flaw, flaw,
    reader::{Reader, escape},
};

/// A box: its type and content.
pub(super) struct Found<'a> {
    pub(super) kind: [u8; 4],
    pub(super) body: Reader<'a>,
}

/// The boxes of a file, or those in a box. Ends after the first error.
pub(super) struct Boxes<'a> {
    rest: Option<Reader<'a>>,
    /// Whether the last one may extend to the end without a length.
    is_file: bool,
}

impl<'a> Boxes<'a> {
    /// The boxes of a file.
    pub(super) fn of_file(bytes: &'a [u8]) -> Self {
        Self {
            rest: Some(Reader::new(bytes)),
            is_file: true,
        }
    }

    /// The boxes in a box.
    pub(super) fn new(within: Reader<'a>) -> Self {
        Self {
            rest: Some(within),
            is_file: false,
        }
    }
}

impl<'a> Iterator for Boxes<'a> {
    type Item = Result<Found<'a>, Flaw>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut rest = self.rest.take().filter(|rest| !rest.is_empty())?;
        let found = one(&mut rest, self.is_file);
        if found.is_ok() {
            self.rest = Some(rest);
        }
        Some(found)
    }
}

/// Reads one box.
fn one<'a>(from: &mut Reader<'a>, is_file: bool) -> Result<Found<'a>, Flaw> {
    let place = from.place();
    let short = from.u32_be("a box's length")?;
    let kind = from.tag("a box's type")?;
    let what = format!("box {}", escape(kind));
    let length = match short {
        // It extends to the end of the file.
        0 if is_file => from.rest().len() as u64,
        1 => from
            .u64_be(&what)?
            .checked_sub(16)
            .ok_or_else(|| flaw!("{what} at byte {place} is shorter than its own header"))?,
        _ => u64::from(short)
            .checked_sub(8)
            .ok_or_else(|| flaw!("{what} at byte {place} is shorter than its own header"))?,
    };
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let body = from.part(length, &what)?;
    Ok(Found { kind, body })
}

/// Reads the version and flags that begin a full box's content.
pub(super) fn version_and_flags(body: &mut Reader<'_>, what: &str) -> Result<(u8, u32), Flaw> {
    let word = body.u32_be(what)?;
    Ok(((word >> 24) as u8, word & 0xFF_FFFF))
}
