//! HEIF's meta box: which item is the primary picture, and the items that it consists of.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    boxes::{Boxes, Found, version_and_flags},
    item,
    locations::{self, Location},
    properties::{self, Properties},
};
use crate::{
    Flaw, Refusal, Size, Transformation, flaw, other,
    reader::{Reader, escape},
};

/// Boxes of which there can be only one.
const UNIQUE: [&[u8; 4]; 7] = [
    b"hdlr", b"idat", b"iinf", b"iloc", b"iprp", b"iref", b"pitm",
];

/// The items of a file.
pub(super) struct Meta<'a> {
    /// The whole file.
    pub(super) file: &'a [u8],
    /// Data in the meta box itself.
    pub(super) inner: &'a [u8],
    /// Types by id.
    kinds: BTreeMap<u32, [u8; 4]>,
    references: Vec<Reference>,
    locations: BTreeMap<u32, Location>,
    properties: Properties<'a>,
}

/// A reference from an item to others.
struct Reference {
    kind: [u8; 4],
    from: u32,
    to: Vec<u32>,
}

/// Checks the box, and returns the size of the primary picture.
pub(super) fn read<'a>(meta: Reader<'a>, file: &'a [u8]) -> Result<Size, Refusal> {
    let (meta, primary) = parse(meta, file)?;
    let size = item::check(&meta, primary)?;
    for alpha in meta.referring(*b"auxl", primary) {
        if meta.properties.is_alpha(alpha) {
            match item::check(&meta, alpha) {
                // It is shown without transparency.
                Err(Refusal::Unshown(_)) => {}
                checked => drop(checked?),
            }
        }
    }
    Ok(size)
}

/// How the primary picture is turned and mirrored.
pub(super) fn transformation<'a>(
    meta: Reader<'a>,
    file: &'a [u8],
) -> Result<Transformation, Refusal> {
    let (meta, primary) = parse(meta, file)?;
    Ok(meta.properties.transformation(primary)?)
}

/// Parses the box. Returns its items and the primary one.
fn parse<'a>(mut meta: Reader<'a>, file: &'a [u8]) -> Result<(Meta<'a>, u32), Refusal> {
    if version_and_flags(&mut meta, "box meta")?.0 != 0 {
        return Err(flaw!("its meta box has an unknown version").into());
    }
    let mut seen = BTreeSet::new();
    let (mut handler, mut primary, mut locations, mut properties) = (None, None, None, None);
    let (mut kinds, mut references) = (BTreeMap::new(), Vec::new());
    let mut inner: &[u8] = &[];
    for found in Boxes::new(meta) {
        let Found { kind, mut body } = found?;
        let is_first = seen.is_empty();
        if UNIQUE.contains(&&kind) && !seen.insert(kind) {
            return Err(flaw!("its meta box has two {} boxes", escape(kind)).into());
        }
        match &kind {
            b"hdlr" if is_first => handler = Some(read_handler(body)?),
            b"pitm" => primary = Some(item_id(&mut body)?),
            b"iloc" => locations = Some(body),
            b"iinf" => kinds = self::kinds(body)?,
            b"iref" => references = self::references(body)?,
            b"iprp" => properties = Some(body),
            b"idat" => inner = body.rest(),
            _ => {}
        }
    }
    if handler != Some(*b"pict") {
        return Err(flaw!("its meta box does not describe a picture (hdlr)").into());
    }
    let primary = primary.ok_or_else(|| flaw!("it has no primary picture (pitm)"))?;
    let locations =
        locations.ok_or_else(|| flaw!("it does not say where its pixels are (iloc)"))?;
    let properties = properties.ok_or_else(|| flaw!("it does not say its size (iprp)"))?;
    let mut meta = Meta {
        file,
        inner,
        kinds,
        references,
        locations: BTreeMap::new(),
        properties: Properties::default(),
    };
    let wanted = meta.wanted(primary);
    meta.locations = locations::read(locations, &wanted)?;
    meta.properties = properties::read(properties, &wanted)?;
    Ok((meta, primary))
}

impl Meta<'_> {
    /// The primary picture, those that refer to it, and the parts of all of them, in order.
    fn wanted(&self, primary: u32) -> Vec<u32> {
        let mut wanted = vec![primary];
        wanted.extend(self.referring(*b"auxl", primary));
        wanted.sort_unstable();
        let parts = self.references.iter().filter(|reference| {
            reference.kind == *b"dimg" && wanted.binary_search(&reference.from).is_ok()
        });
        let parts: Vec<_> = parts.flat_map(|part| &part.to).copied().collect();
        wanted.extend(parts);
        wanted.sort_unstable();
        wanted.dedup();
        wanted
    }

    /// The items with a reference of this kind to an item.
    fn referring(&self, kind: [u8; 4], to: u32) -> Vec<u32> {
        let referring = self
            .references
            .iter()
            .filter(|reference| reference.kind == kind && reference.to.contains(&to));
        referring.map(|reference| reference.from).collect()
    }

    /// The items that a grid consists of.
    pub(super) fn parts(&self, of: u32) -> &[u32] {
        let mut parts = self.references.iter();
        parts
            .find(|reference| reference.kind == *b"dimg" && reference.from == of)
            .map_or(&[], |reference| &reference.to)
    }

    /// An item's type.
    pub(super) fn kind(&self, item: u32) -> Result<[u8; 4], Refusal> {
        let kind = *self
            .kinds
            .get(&item)
            .ok_or_else(|| flaw!("it does not say what item {item} is (iinf)"))?;
        match &kind {
            b"hvc1" | b"hev1" => Err(Refusal::Other(other::HEIC)),
            _ => Ok(kind),
        }
    }

    pub(super) fn location(&self, item: u32) -> Result<&Location, Flaw> {
        self.locations
            .get(&item)
            .ok_or_else(|| flaw!("it does not say where its item {item} is (iloc)"))
    }

    pub(super) fn properties(&self) -> &Properties<'_> {
        &self.properties
    }
}

/// Reads what a box describes (hdlr).
pub(super) fn read_handler(mut body: Reader<'_>) -> Result<[u8; 4], Flaw> {
    let what = "box hdlr";
    let head = body.take(8, what)?;
    let handler = body.tag(what)?;
    let reserved = body.take(12, what)?;
    let has_name = body.rest().contains(&0);
    if head[0] != 0 || head[4..] != [0; 4] || reserved != [0; 12] || !has_name {
        return Err(flaw!("its hdlr box is invalid"));
    }
    Ok(handler)
}

/// Reads an item's id, of 2 or 4 bytes by the box's version.
fn item_id(body: &mut Reader<'_>) -> Result<u32, Flaw> {
    let what = "box pitm";
    match version_and_flags(body, what)?.0 {
        0 => body.u16_be(what).map(u32::from),
        _ => body.u32_be(what),
    }
}

/// The items' types (iinf).
fn kinds(mut body: Reader<'_>) -> Result<BTreeMap<u32, [u8; 4]>, Flaw> {
    let what = "box iinf";
    let count = match version_and_flags(&mut body, what)?.0 {
        0 => body.u16_be(what)?.into(),
        _ => body.u32_be(what)?,
    };
    let mut kinds = BTreeMap::new();
    let mut boxes = Boxes::new(body);
    for _ in 0..count {
        let Found { kind, mut body } = boxes
            .next()
            .ok_or_else(|| flaw!("its iinf box says {count} items, but has fewer"))??;
        let what = "box infe";
        if &kind != b"infe" {
            return Err(flaw!("its iinf box has another box, {}", escape(kind)));
        }
        let item = match version_and_flags(&mut body, what)?.0 {
            // Items of files before HEIF, which have no types.
            0 | 1 => continue,
            2 => body.u16_be(what)?.into(),
            _ => body.u32_be(what)?,
        };
        body.take(2, what)?; // protection
        let kind = body.tag(what)?;
        if !body.rest().contains(&0) {
            return Err(flaw!("the name of item {item} (infe) has no end"));
        }
        kinds.insert(item, kind);
    }
    Ok(kinds)
}

/// The references between items (iref).
fn references(mut body: Reader<'_>) -> Result<Vec<Reference>, Flaw> {
    let what = "box iref";
    let (version, _) = version_and_flags(&mut body, what)?;
    let id = |body: &mut Reader<'_>| match version {
        0 => body.u16_be(what).map(u32::from),
        _ => body.u32_be(what),
    };
    let mut references = Vec::new();
    for found in Boxes::new(body) {
        let Found { kind, mut body } = found?;
        let from = id(&mut body)?;
        let count = body.u16_be(what)?;
        let to: Vec<_> = (0..count)
            .map(|_| id(&mut body))
            .collect::<Result<_, _>>()?;
        if from == 0 || to.contains(&0) {
            return Err(flaw!("it refers to an item 0 (iref)"));
        }
        references.push(Reference { kind, from, to });
    }
    Ok(references)
}
