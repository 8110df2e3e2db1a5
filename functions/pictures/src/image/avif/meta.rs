//! HEIF's meta box: which item is the picture, where its bytes are, and what it is like.

use std::ops::Range;

use super::boxes::{Boxes, Found, version_and_flags};
use crate::image::{Flaw, Size, flaw, reader::Reader};

/// The highest place of a property that an association can name: it has 15 bits.
const MAX_PLACE: usize = 0x7FFF;

/// Answers the primary picture's size, once all that the box says of it holds.
pub(super) fn read(mut meta: Reader<'_>, data: &[Range<u64>]) -> Result<Size, Flaw> {
    version_and_flags(&mut meta, "box meta")?;
    let (mut handler, mut primary, mut places, mut properties) = (None, None, None, None);
    let mut inner: u64 = 0;
    for found in Boxes::new(meta) {
        let Found { kind, mut body } = found?;
        match &kind {
            b"hdlr" => {
                body.take(8, "box hdlr")?;
                handler = Some(body.tag("box hdlr")?);
            }
            b"pitm" => primary = Some(item_id(&mut body)?),
            b"iloc" => places = Some(body),
            b"iprp" => properties = Some(body),
            b"idat" => inner = body.rest().len() as u64,
            _ => {}
        }
    }
    if handler != Some(*b"pict") {
        return Err(flaw!("its meta box describes no picture (hdlr)"));
    }
    let primary = primary.ok_or_else(|| flaw!("it names no primary picture (pitm)"))?;
    let places = places.ok_or_else(|| flaw!("it does not say where its pixels are (iloc)"))?;
    let properties = properties.ok_or_else(|| flaw!("it does not say its size (iprp)"))?;
    check_places(places, primary, data, inner)?;
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

/// Walks the item locations (iloc): every one must lie in the file's data boxes (or, with
/// method 1, in the meta box's own, `inner` bytes long), and the primary item must have one.
fn check_places(
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
        // Extents that take no space in the box all say the same: once is enough, and a
        // few bytes cannot ask for billions of steps.
        let extents = if offset + length + index == 0 {
            extents.min(1)
        } else {
            extents
        };
        for _ in 0..extents {
            number(&mut body, index)?;
            let from = start.saturating_add(number(&mut body, offset)?);
            let until = from.saturating_add(number(&mut body, length)?);
            let lies_within = match (method, file) {
                (0, 0) => holds(data, &(from..until)),
                (1, 0) => until <= inner,
                // Another file, or another item.
                _ => method == 2,
            };
            if !lies_within {
                return Err(flaw!(
                    "item {item} claims bytes {from} to {until}, which it has not"
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

/// Whether one of the ranges, which are in order, holds all of another. Searched by halving:
/// a file may have hundreds of thousands of boxes, and as many items.
fn holds(ranges: &[Range<u64>], wanted: &Range<u64>) -> bool {
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
                    // What no place can name needs no room.
                    if container.len() < MAX_PLACE {
                        container.push(property);
                    }
                }
            }
            b"ipma" => associations(body, primary, &mut wanted)?,
            _ => {}
        }
    }
    if !has_av1 {
        return Err(flaw!("it says nothing of how its pixels are coded (av1C)"));
    }
    // Places in the container count from 1; 0 is no property.
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

/// Collects the places of one item's properties (ipma).
fn associations(mut body: Reader<'_>, of: u32, wanted: &mut Vec<u16>) -> Result<(), Flaw> {
    let what = "box ipma";
    let (version, flags) = version_and_flags(&mut body, what)?;
    for _ in 0..body.u32_be(what)? {
        let item = match version {
            0 => body.u16_be(what)?.into(),
            _ => body.u32_be(what)?,
        };
        for _ in 0..body.u8(what)? {
            // The highest bit says that a reader must know the property.
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
