//! Properties of items (iprp): size, coding, transformations.

use std::collections::BTreeMap;

use super::boxes::{Boxes, Found, version_and_flags};
use crate::{
    Flaw, Mirror, Refusal, Size, Transformation, flaw,
    reader::{Reader, escape},
};

/// The highest index of a property in an association, which has 15 bits.
const MAX_INDEX: usize = 0x7FFF;

/// The properties that browsers know. They don't show an item for which another one is essential.
const KNOWN: [&[u8; 4]; 15] = [
    b"a1lx", b"a1op", b"auxC", b"av1C", b"cclv", b"clap", b"clli", b"colr", b"imir", b"irot",
    b"ispe", b"lsel", b"mdcv", b"pasp", b"pixi",
];

/// The types of an auxiliary picture with transparency.
const ALPHA: [&[u8]; 2] = [
    b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0",
    b"urn:mpeg:hevc:2015:auxid:1\0",
];

/// Properties and the items that have them.
#[derive(Default)]
pub(super) struct Properties<'a> {
    container: Vec<Found<'a>>,
    associations: BTreeMap<u32, Vec<Association>>,
}

/// A property of an item.
struct Association {
    /// The position in the container, from 1; 0 for none.
    index: u16,
    is_essential: bool,
}

/// Reads the properties of some items, whose ids are sorted.
pub(super) fn read<'a>(body: Reader<'a>, wanted: &[u32]) -> Result<Properties<'a>, Flaw> {
    let mut properties = Properties::default();
    for found in Boxes::new(body) {
        let Found { kind, body } = found?;
        match &kind {
            b"ipco" => {
                for property in Boxes::new(body) {
                    // Ignore properties that no association can refer to.
                    if properties.container.len() < MAX_INDEX {
                        properties.container.push(property?);
                    }
                }
            }
            b"ipma" => associations(body, wanted, &mut properties.associations)?,
            _ => {}
        }
    }
    Ok(properties)
}

impl<'a> Properties<'a> {
    /// The properties of an item, and whether each is essential.
    fn of(&self, item: u32) -> Result<Vec<(&Found<'a>, bool)>, Flaw> {
        let own = self.associations.get(&item).into_iter().flatten();
        own.filter(|association| association.index > 0)
            .map(|association| {
                let index = usize::from(association.index) - 1;
                let property = self
                    .container
                    .get(index)
                    .ok_or_else(|| flaw!("item {item} has a property that is missing (ipma)"))?;
                Ok((property, association.is_essential))
            })
            .collect()
    }

    fn find(&self, item: u32, kind: [u8; 4]) -> Option<Reader<'a>> {
        let own = self.of(item).ok()?;
        let mut own = own
            .into_iter()
            .filter(|(property, _)| property.kind == kind);
        own.next().map(|(property, _)| property.body.clone())
    }

    /// Whether the item is the transparency of another one.
    pub(super) fn is_alpha(&self, item: u32) -> bool {
        let kind = self.find(item, *b"auxC");
        let kind = kind.and_then(|body| body.rest().get(4..));
        kind.is_some_and(|kind| ALPHA.iter().any(|alpha| kind.starts_with(alpha)))
    }

    /// How the item is turned (irot) and mirrored (imir).
    pub(super) fn transformation(&self, item: u32) -> Result<Transformation, Flaw> {
        let number = |kind| {
            let body = self.find(item, kind);
            body.map(|mut body| body.u8("a transformation")).transpose()
        };
        let quarter_turns = number(*b"irot")?.unwrap_or(0) & 3;
        let mirror = number(*b"imir")?.map(|axis| match axis & 1 {
            0 => Mirror::Vertical,
            _ => Mirror::Horizontal,
        });
        Ok(Transformation {
            quarter_turns,
            mirror,
        })
    }

    /// The size that the item is drawn with (ispe).
    pub(super) fn size(&self, item: u32) -> Result<Size, Refusal> {
        let what = "box ispe";
        let mut body = self
            .find(item, *b"ispe")
            .ok_or_else(|| flaw!("it does not say the size of item {item} (ispe)"))?;
        if version_and_flags(&mut body, what)?.0 != 0 {
            return Err(flaw!("the size of item {item} (ispe) has an unknown version").into());
        }
        Size::new(body.u32_be(what)?, body.u32_be(what)?)
    }

    /// Checks that the item's properties are valid.
    pub(super) fn check(&self, item: u32) -> Result<(), Refusal> {
        for (Found { kind, body }, is_essential) in self.of(item)? {
            if is_essential && !KNOWN.contains(&kind) {
                return Err(Refusal::Unshown(
                    "has an essential property that browsers don't know",
                ));
            }
            let must_be_essential = match kind {
                b"a1op" | b"clap" | b"imir" | b"irot" | b"lsel" => true,
                b"a1lx" => false,
                _ => is_essential,
            };
            if is_essential != must_be_essential {
                let name = escape(*kind);
                return Err(flaw!("property {name} of item {item} is invalid").into());
            }
            if kind == b"colr" {
                check_colours(body.clone(), item)?;
            }
            let limit = match kind {
                b"irot" => 3,
                b"imir" => 1,
                _ => continue,
            };
            if body.clone().u8("a transformation")? > limit {
                return Err(flaw!("its transformation of item {item} is invalid").into());
            }
        }
        Ok(())
    }

    /// Checks how an item is coded (av1C), and that its stated depth (pixi) is that of the coding.
    pub(super) fn check_coding(&self, item: u32) -> Result<(), Flaw> {
        let body = self
            .find(item, *b"av1C")
            .ok_or_else(|| flaw!("it does not say how item {item} is coded (av1C)"))?;
        let depth = depth(body)?;
        let Some(mut pixels) = self.find(item, *b"pixi") else {
            return Ok(());
        };
        let what = "box pixi";
        version_and_flags(&mut pixels, what)?;
        let count = pixels.u8(what)?;
        let depths = pixels.take(count.into(), what)?;
        if depths.iter().any(|&stated| stated != depth) {
            return Err(flaw!("item {item} has two depths (av1C, pixi)"));
        }
        Ok(())
    }
}

/// The bits of a sample (av1C; AV1 Codec ISO Media File Format Binding 1.2, section 2.3.3).
pub(super) fn depth(mut body: Reader<'_>) -> Result<u8, Flaw> {
    let what = "box av1C";
    let marker = body.u8(what)?;
    body.take(1, what)?; // profile and level
    let flags = body.u8(what)?;
    // Without the flag (0x10), there is no delay.
    let delay = body.u8(what)?;
    if marker != 0x81 || (delay != 0 && delay >> 4 != 1) {
        return Err(flaw!("its description of the coding (av1C) is invalid"));
    }
    match flags >> 5 & 3 {
        0 => Ok(8),
        2 => Ok(10),
        3 => Ok(12),
        _ => Err(flaw!(
            "its description of the coding (av1C) has an invalid depth"
        )),
    }
}

/// Checks the description of an item's colours (colr).
fn check_colours(mut body: Reader<'_>, item: u32) -> Result<(), Flaw> {
    let what = "box colr";
    if body.tag(what)? == *b"nclx" {
        body.take(6, what)?;
        if body.u8(what)? & 0x7F != 0 {
            return Err(flaw!("the colours of item {item} (colr) are invalid"));
        }
    }
    Ok(())
}

/// Collects the properties of some items (ipma).
fn associations(
    mut body: Reader<'_>,
    wanted: &[u32],
    into: &mut BTreeMap<u32, Vec<Association>>,
) -> Result<(), Flaw> {
    let what = "box ipma";
    let (version, flags) = version_and_flags(&mut body, what)?;
    for _ in 0..body.u32_be(what)? {
        let item = match version {
            0 => body.u16_be(what)?.into(),
            _ => body.u32_be(what)?,
        };
        let mut own = Vec::new();
        for _ in 0..body.u8(what)? {
            // The highest bit marks the property as essential.
            let (index, is_essential) = match flags & 1 {
                0 => {
                    let byte = body.u8(what)?;
                    (u16::from(byte & 0x7F), byte & 0x80 != 0)
                }
                _ => {
                    let word = body.u16_be(what)?;
                    (word & 0x7FFF, word & 0x8000 != 0)
                }
            };
            own.push(Association {
                index,
                is_essential,
            });
        }
        if wanted.binary_search(&item).is_ok() && into.insert(item, own).is_some() {
            return Err(flaw!("item {item} has properties twice (ipma)"));
        }
    }
    Ok(())
}
