//! Pictures of four fields of one colour each, 64 x 48 pixels, to see how they are turned.

use super::{Format, Picture};

/// The colours at the upper left, upper right, lower left and lower right, as stored.
pub const COLOURS: [[u8; 3]; 4] = [[200, 40, 40], [40, 160, 40], [40, 40, 200], [220, 220, 220]];

/// A text in the metadata of [`turned`], as a place that must not be published.
pub const SECRET: &[u8] = b"at home";

/// When [`turned`] was taken, by its metadata.
pub const TAKEN_AT: &str = "2026-07-14T18:03:21-03:30";

const WIDTH: u32 = 64;
const HEIGHT: u32 = 48;

/// TIFF's types of values.
const ASCII: u16 = 2;
const SHORT: u16 = 3;
const LONG: u16 = 4;

/// A JPEG file with an EXIF orientation, a capture time and a text about its place.
pub fn turned(orientation: u16) -> Picture {
    let jpeg = include_bytes!("../../fixtures/fields.jpg");
    let exif = [b"Exif\0\0".as_slice(), &tiff(orientation)].concat();
    let mut bytes = jpeg[..2].to_vec();
    bytes.extend([0xFF, 0xE1]);
    bytes.extend(
        u16::try_from(exif.len() + 2)
            .unwrap_or_default()
            .to_be_bytes(),
    );
    bytes.extend(exif);
    bytes.extend(&jpeg[2..]);
    Format::Jpeg.picture(bytes, WIDTH, HEIGHT)
}

/// A PNG file whose structure is valid, but whose compressed pixels aren't.
pub fn damaged() -> Picture {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = [WIDTH, HEIGHT].map(u32::to_be_bytes).concat();
    header.extend([8, 2, 0, 0, 0]);
    for (kind, body) in [
        (b"IHDR", header.as_slice()),
        (b"IDAT", b"these are no pixels"),
        (b"IEND", b""),
    ] {
        let checked = [kind.as_slice(), body].concat();
        bytes.extend(u32_of(body.len()).to_be_bytes());
        bytes.extend(&checked);
        bytes.extend(crc32fast::hash(&checked).to_be_bytes());
    }
    Format::Png.picture(bytes, WIDTH, HEIGHT)
}

/// EXIF's TIFF structure: two directories with the entries in order, and their texts after them.
fn tiff(orientation: u16) -> Vec<u8> {
    const HEADER: usize = 8;
    const DIRECTORY: usize = 2 + 3 * 12 + 4;
    let texts = [
        b"at home\0".as_slice(),
        b"2026:07:14 18:03:21\0",
        b"-03:30\0",
    ];
    let mut at = HEADER + 2 * DIRECTORY;
    let places = texts.map(|text| {
        let place = at;
        at += text.len();
        u32_of(place)
    });
    let entry = |tag: u16, kind: u16, count: usize, value: u32| {
        let mut entry = tag.to_le_bytes().to_vec();
        entry.extend(kind.to_le_bytes());
        entry.extend(u32_of(count).to_le_bytes());
        entry.extend(value.to_le_bytes());
        entry
    };
    let own = [
        // ImageDescription, Orientation, the place of EXIF's own directory.
        entry(0x010E, ASCII, texts[0].len(), places[0]),
        entry(0x0112, SHORT, 1, orientation.into()),
        entry(0x8769, LONG, 1, u32_of(HEADER + DIRECTORY)),
    ];
    let exif = [
        // DateTimeOriginal, OffsetTimeOriginal, ColorSpace (sRGB).
        entry(0x9003, ASCII, texts[1].len(), places[1]),
        entry(0x9011, ASCII, texts[2].len(), places[2]),
        entry(0xA001, SHORT, 1, 1),
    ];
    let mut tiff = b"II*\0\x08\0\0\0".to_vec();
    for directory in [own, exif] {
        tiff.extend(3_u16.to_le_bytes());
        tiff.extend(directory.concat());
        tiff.extend([0; 4]);
    }
    tiff.extend(texts.concat());
    tiff
}

fn u32_of(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
