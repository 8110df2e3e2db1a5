//! An item: a picture coded as AV1, or a grid of such.

use super::{av1, grid, meta::Meta};
use crate::{Refusal, Size};

/// How many of an item's bytes are searched for its header.
const HEADER: usize = 4096;

/// Checks an item, and returns the size that it is drawn with.
pub(super) fn check(meta: &Meta<'_>, item: u32) -> Result<Size, Refusal> {
    let kind = meta.kind(item)?;
    let size = meta.properties().size(item)?;
    meta.properties().check(item)?;
    match &kind {
        b"av01" => coded(meta, item).map(|_| size),
        b"grid" => grid::check(meta, item, size).map(|()| size),
        _ => Err(Refusal::Unshown(
            "has a picture of a kind that browsers don't show",
        )),
    }
}

/// Checks a coded item, and returns the size that its decoder allocates, which its container can
/// scale.
pub(super) fn coded(meta: &Meta<'_>, item: u32) -> Result<Size, Refusal> {
    meta.properties().check_coding(item)?;
    let begin = meta.location(item)?.begin(meta, item, HEADER)?;
    av1::size(&begin)
}
