//! HEIF's meta box: which item is the primary picture, its location and its properties.

use std::ops::Range;

use super::boxes::{Boxes, Found, version_and_flags};
use crate::image::{Flaw, Size, flaw, reader::Reader};

/// The highest index of a property in an association, which has 15 bits.
const MAX_INDEX: usize = 0x7FFF;

/// Checks the box, and returns the size of the primary picture.
pub(super) fn read(mut meta: Reader<'_>, data: &[Range<u64>]) -> Result<Size, Flaw> {
    version_and_flags(&mut meta, "box meta")?;
    let (mut handler, mut primary, mut locations, mut properties) = (None, None, None, None);
    let mut inner: u64 = 0;
    for found in Boxes::new(meta) {
        let Found { kind, mut body } = found?;
        match &kind {
            b"hdlr" => {
                body.take(8, "box hdlr")?;
                handler = Some(body.tag("box hdlr")?);
            }
            b"pitm" => primary = Some(item_id(&mut body)?),
            b"iloc" => locations = Some(body),
            b"iprp" => properties = Some(body),
            b"idat" => inner = body.rest().len() as u64,
            _ => {}
        }
    }
    if handler != Some(*b"pict") {
        return Err(flaw!("its meta box does not describe a picture (hdlr)"));
    }
    let primary = primary.ok_or_else(|| flaw!("it has no primary picture (pitm)"))?;
    let locations =
        locations.ok_or_else(|| flaw!("it does not say where its pixels are (iloc)"))?;
    let properties = properties.ok_or_else(|| flaw!("it does not say its size (iprp)"))?;
    check_locations(locations, primary, data, inner)?;
    size_of(properties, primary)
}

/// The primary item's id (pitm).
fn item_id(body: &mut Reader<'_>) -> Result<u32, Flaw> {
    let what = "box pitm";
    match version_and_flags(body, what)?.0 {
        0 => body.u16_be(what).map(u32::from),
        _ => body.u32_be(what),
    }
}

/// Checks the item locations (iloc): each must be in the file's data boxes (or with method 1 in
/// that of the meta box, which has `inner` bytes), and the primary item must have one.
fn check_locations(
    mut body: Reader<'_>,
    primary: u32,
    data: &[Range<u64>],
    inner: u64,
) -> Result<(), Flaw> {
    let what = "box iloc";
    let (version, _) = version_and_flags(&mut body, what)?;
    let sizes = body.u16_be(what)?;
    let [offset, length, base, index] = [12, 8, 4, 0].map(|shift| (sizes >> shift & 0xF) as u8);
    let index = if version == 0 { 0 } else { index };
    let count = match version {
        0 | 1 => body.u16_be(what)?.into(),
        _ => body.u32_be(what)?,
    };

    let mut has_primary = false;
    for _ in 0..count {
        let item = match version {
            0 | 1 => body.u16_be(what)?.into(),
            _ => body.u32_be(what)?,
        };
        let method = match version {
            0 => 0,
            _ => body.u16_be(what)? & 0xF,
        };
        let file = body.u16_be(what)?;
        let start = number(&mut body, base)?;
        let extents = body.u16_be(what)?;
        // Extents that take no space in the box are all the same. One is enough, so that a few
        // bytes can't cause billions of steps.
        let extents = if offset + length + index == 0 {
            extents.min(1)
        } else {
            extents
        };
        for _ in 0..extents {
            number(&mut body, index)?;
            let from = start.saturating_add(number(&mut body, offset)?);
            let until = from.saturating_add(number(&mut body, length)?);
            let is_within = match (method, file) {
                (0, 0) => contains(data, &(from..until)),
                (1, 0) => until <= inner,
                // Another file, or another item.
                _ => method == 2,
            };
            if !is_within {
                return Err(flaw!(
                    "item {item} has bytes {from} to {until}, which are not in its data"
                ));
            }
            has_primary |= item == primary;
        }
    }
    if has_primary {
        Ok(())
    } else {
        Err(flaw!(
            "it does not say where its primary picture's pixels are (iloc)"
        ))
    }
}

/// Whether one of the sorted ranges contains another. A binary search, because a file may have
/// hundreds of thousands of boxes and items.
fn contains(ranges: &[Range<u64>], wanted: &Range<u64>) -> bool {
    let first = ranges.partition_point(|range| range.end < wanted.end);
    ranges
        .get(first)
        .is_some_and(|range| range.start <= wanted.start)
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

/// Finds the primary item's size (ispe) among its properties (ipma, ipco).
fn size_of(properties: Reader<'_>, primary: u32) -> Result<Size, Flaw> {
    let mut container = Vec::new();
    let mut has_av1 = false;
    let mut wanted = Vec::new();
    for found in Boxes::new(properties) {
        let Found { kind, body } = found?;
        match &kind {
            b"ipco" => {
                for property in Boxes::new(body) {
                    let property = property?;
                    has_av1 |= &property.kind == b"av1C";
                    // Ignore properties that no association can refer to.
                    if container.len() < MAX_INDEX {
                        container.push(property);
                    }
                }
            }
            b"ipma" => associations(body, primary, &mut wanted)?,
            _ => {}
        }
    }
    if !has_av1 {
        return Err(flaw!("it does not say how its pixels are coded (av1C)"));
    }
    // Indices count from 1; 0 means no property.
    let mut own = wanted
        .into_iter()
        .filter_map(|place| container.get(usize::from(place).checked_sub(1)?));
    let size = own
        .find(|property| &property.kind == b"ispe")
        .ok_or_else(|| flaw!("it does not say its primary picture's size (ispe)"))?;
    let mut body = size.body.clone();
    version_and_flags(&mut body, "box ispe")?;
    Size::new(body.u32_be("box ispe")?, body.u32_be("box ispe")?)
}

/// Collects the indices of an item's properties (ipma).
fn associations(mut body: Reader<'_>, of: u32, wanted: &mut Vec<u16>) -> Result<(), Flaw> {
    let what = "box ipma";
    let (version, flags) = version_and_flags(&mut body, what)?;
    for _ in 0..body.u32_be(what)? {
        let item = match version {
            0 => body.u16_be(what)?.into(),
            _ => body.u32_be(what)?,
        };
        for _ in 0..body.u8(what)? {
            // The highest bit marks the property as essential.
            let place = match flags & 1 {
                0 => u16::from(body.u8(what)? & 0x7F),
                _ => body.u16_be(what)? & 0x7FFF,
            };
            if item == of {
                wanted.push(place);
            }
        }
    }
    Ok(())
}
