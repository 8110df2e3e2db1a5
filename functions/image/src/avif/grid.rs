//! A picture that consists of tiles of the same size (HEIF, section 6.6.2.3).

use std::collections::BTreeSet;

use super::{item, meta::Meta};
use crate::{Refusal, Size, flaw, reader::Reader};

/// The longest description.
const HEADER: usize = 12;

/// Checks the description, and every tile.
pub(super) fn check(meta: &Meta<'_>, grid: u32, size: Size) -> Result<(), Refusal> {
    let what = "a grid";
    let header = meta.location(grid)?.begin(meta, grid, HEADER)?;
    let mut header = Reader::new(&header);
    let version = header.u8(what)?;
    let is_large = header.u8(what)? & 1 == 1;
    let rows = u32::from(header.u8(what)?) + 1;
    let columns = u32::from(header.u8(what)?) + 1;
    let mut side = || match is_large {
        false => header.u16_be(what).map(u32::from),
        true => header.u32_be(what),
    };
    let drawn = Size::new(side()?, side()?)?;
    if version != 0 || drawn != size || !header.is_empty() {
        return Err(flaw!("its grid (item {grid}) is invalid").into());
    }

    let tiles = meta.parts(grid);
    let count = u64::from(rows) * u64::from(columns);
    if tiles.len() as u64 != count || tiles.iter().collect::<BTreeSet<_>>().len() != tiles.len() {
        return Err(flaw!("its grid has {} tiles of {count} (iref)", tiles.len()).into());
    }
    let mut first = None;
    for &tile in tiles {
        if meta.kind(tile)? != *b"av01" {
            return Err(flaw!("its tile {tile} is not coded as AV1").into());
        }
        let stated = meta.properties().size(tile)?;
        let own = item::coded(meta, tile)?;
        if own != stated || *first.get_or_insert(own) != own {
            return Err(flaw!("its tiles have different sizes").into());
        }
    }
    let Some(tile) = first else {
        return Err(flaw!("its grid has no tiles").into());
    };
    let covers = |tiles: u32, tile: u32, side: u32| {
        let (tiles, tile, side) = (u64::from(tiles), u64::from(tile), u64::from(side));
        tiles * tile >= side && (tiles - 1) * tile < side
    };
    if covers(columns, tile.width, size.width) && covers(rows, tile.height, size.height) {
        return Ok(());
    }
    Err(flaw!("its tiles do not cover it").into())
}
