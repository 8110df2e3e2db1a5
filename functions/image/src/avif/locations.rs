//! Where items are (iloc).

use std::{collections::BTreeMap, ops::Range};

use super::{boxes::version_and_flags, meta::Meta, outside, slice};
use crate::{Flaw, flaw, reader::Reader};

/// Where an item is.
pub(super) struct Location {
    /// Whether it is in the meta box, not at a position of the file.
    is_inner: bool,
    extents: Vec<Range<u64>>,
}

/// Reads the locations of some items, whose ids are sorted.
pub(super) fn read(mut body: Reader<'_>, wanted: &[u32]) -> Result<BTreeMap<u32, Location>, Flaw> {
    let what = "box iloc";
    let (version, _) = version_and_flags(&mut body, what)?;
    let sizes = body.u16_be(what)?;
    let [offset, length, base, index] = [12, 8, 4, 0].map(|shift| (sizes >> shift & 0xF) as u8);
    let index = if version == 0 { 0 } else { index };
    let id = |body: &mut Reader<'_>| match version {
        0 | 1 => body.u16_be(what).map(u32::from),
        _ => body.u32_be(what),
    };

    let mut locations = BTreeMap::new();
    for _ in 0..id(&mut body)? {
        let item = id(&mut body)?;
        let method = match version {
            0 => 0,
            _ => body.u16_be(what)? & 0xF,
        };
        body.u16_be(what)?; // the file, always this one
        let start = number(&mut body, base)?;
        let count = body.u16_be(what)?;
        // Extents that take no space in the box are all the same. One is enough, so that a few
        // bytes can't cause billions of steps.
        let count = if offset + length + index == 0 {
            count.min(1)
        } else {
            count
        };
        let is_wanted = wanted.binary_search(&item).is_ok();
        let mut extents = Vec::new();
        for _ in 0..count {
            number(&mut body, index)?;
            let from = start.saturating_add(number(&mut body, offset)?);
            let until = from.saturating_add(number(&mut body, length)?);
            if is_wanted {
                extents.push(from..until);
            }
        }
        if is_wanted {
            if method > 1 {
                return Err(flaw!("its item {item} is in another item (iloc)"));
            }
            let location = Location {
                is_inner: method == 1,
                extents,
            };
            if locations.insert(item, location).is_some() {
                return Err(flaw!("it says twice where its item {item} is (iloc)"));
            }
        }
    }
    Ok(locations)
}

impl Location {
    /// Checks that all bytes are in the file, and returns the first ones, at most `limit`.
    pub(super) fn begin(&self, meta: &Meta<'_>, item: u32, limit: usize) -> Result<Vec<u8>, Flaw> {
        let within = if self.is_inner { meta.inner } else { meta.file };
        let mut begin = Vec::new();
        for Range { start, end } in &self.extents {
            let piece = slice(within, *start, end - start)
                .ok_or_else(|| outside(&format!("its item {item}"), *start, *end, within.len()))?;
            let room = limit - begin.len();
            begin.extend_from_slice(&piece[..piece.len().min(room)]);
        }
        if begin.is_empty() {
            return Err(flaw!("its item {item} has no bytes (iloc)"));
        }
        Ok(begin)
    }
}

/// A number of 0, 4 or 8 bytes.
fn number(body: &mut Reader<'_>, bytes: u8) -> Result<u64, Flaw> {
    match bytes {
        0 => Ok(0),
        4 => body.u32_be("box iloc").map(u64::from),
        8 => body.u64_be("box iloc"),
        _ => Err(flaw!("its iloc box has numbers of {bytes} bytes")),
    }
}
