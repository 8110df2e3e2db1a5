//! AVIF (AV1 Image File Format 1.2, based on HEIF, ISO/IEC 23008-12): nested boxes.

mod boxes;
mod meta;

use self::boxes::{Boxes, Found};
use super::{Flaw, Size, flaw, reader::Reader};

/// Whether the file-type box has AVIF as major or compatible brand.
pub(super) fn matches(bytes: &[u8]) -> bool {
    let Some(Ok(first)) = Boxes::new(Reader::new(bytes)).next() else {
        // Truncated in its first box.
        return bytes
            .get(4..12)
            .is_some_and(|name| matches!(name, b"ftypavif" | b"ftypavis"));
    };
    let brands = first.body.rest().chunks_exact(4).enumerate();
    &first.kind == b"ftyp"
        && brands
            .filter(|&(place, _)| place != 1) // the minor version
            .any(|(_, brand)| matches!(brand, b"avif" | b"avis"))
}

/// Parses the top-level boxes to the end of the file, then the meta box of the primary picture.
pub(super) fn read(bytes: &[u8]) -> Result<Size, Flaw> {
    let mut meta = None;
    let mut data = Vec::new();
    for found in Boxes::new(Reader::new(bytes)) {
        let Found { kind, body } = found?;
        match &kind {
            b"meta" if meta.is_some() => return Err(flaw!("it has two meta boxes")),
            b"meta" => meta = Some(body),
            b"mdat" => data.push(body.place() as u64..(body.place() + body.rest().len()) as u64),
            _ => {}
        }
    }
    let meta = meta.ok_or_else(|| flaw!("it has no meta box, so it has no picture"))?;
    if data.is_empty() {
        return Err(flaw!("it has no mdat box, so it has no pixels"));
    }
    meta::read(meta, &data)
}
