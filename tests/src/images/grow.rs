//! Pads picture files to larger sizes, by the rules of each format.

/// Padding bytes that don't resemble any marker of the formats.
fn filling(length: usize) -> Vec<u8> {
    let pattern: Vec<u8> = (b'a'..b'a' + 23).collect();
    let mut filling = pattern.repeat(length.div_ceil(pattern.len()));
    filling.truncate(length);
    filling
}

/// Adds a private, ancillary chunk before the last one (PNG specification, section 5.3).
pub(super) fn png(file: &[u8], size: usize) -> Vec<u8> {
    const END: usize = 12;
    const FRAME: usize = 12;
    let length = size - file.len() - FRAME;
    let (head, end) = file.split_at(file.len() - END);
    let mut chunk = b"trIc".to_vec();
    chunk.extend(filling(length));
    let sum = crc32fast::hash(&chunk);
    [
        head,
        &u32_of(length).to_be_bytes(),
        &chunk,
        &sum.to_be_bytes(),
        end,
    ]
    .concat()
}

/// Adds comment segments after the start-of-image marker (ITU T.81, section B.2.4.5). A segment has
/// at most 65,535 bytes, including its two-byte length.
pub(super) fn jpeg(file: &[u8], size: usize) -> Vec<u8> {
    const FRAME: usize = 4;
    const LARGEST: usize = 65_535 + 2;
    let (start, rest) = file.split_at(2);
    let mut bytes = start.to_vec();
    for part in parts(size - file.len(), FRAME, LARGEST) {
        let length = u16::try_from(part - 2).unwrap_or_default();
        bytes.extend([0xFF, 0xFE]);
        bytes.extend(length.to_be_bytes());
        bytes.extend(filling(part - FRAME));
    }
    bytes.extend(rest);
    bytes
}

/// Adds a comment extension before the trailer (GIF89a, section 24), in blocks of at most 255
/// bytes.
pub(super) fn gif(file: &[u8], size: usize) -> Vec<u8> {
    const FRAME: usize = 3;
    const LARGEST: usize = 256;
    let (head, trailer) = file.split_at(file.len() - 1);
    let mut bytes = head.to_vec();
    bytes.extend([0x21, 0xFE]);
    for part in parts(size - file.len() - FRAME, 2, LARGEST) {
        bytes.push(u8::try_from(part - 1).unwrap_or_default());
        bytes.extend(filling(part - 1));
    }
    bytes.push(0);
    bytes.extend(trailer);
    bytes
}

/// Adds an unknown chunk at the end of the extended layout (RFC 9649, section 2.7.1.6).
pub(super) fn webp(file: &[u8], size: usize) -> Vec<u8> {
    const HEADER: usize = 8;
    assert_eq!(
        &file[12..16],
        b"VP8X",
        "only the extended layout allows more chunks"
    );
    let length = size - file.len() - HEADER;
    let mut bytes = file.to_vec();
    bytes.extend(b"TRIC");
    bytes.extend(u32_of(length).to_le_bytes());
    bytes.extend(filling(length));
    let riff = u32_of(bytes.len() - HEADER).to_le_bytes();
    bytes[4..8].copy_from_slice(&riff);
    bytes
}

/// Adds a box of free space at the end (ISO/IEC 14496-12, section 8.1.2).
pub(super) fn avif(file: &[u8], size: usize) -> Vec<u8> {
    const HEADER: usize = 8;
    let length = size - file.len();
    let mut bytes = file.to_vec();
    bytes.extend(u32_of(length).to_be_bytes());
    bytes.extend(b"free");
    bytes.extend(filling(length - HEADER));
    bytes
}

/// Divides a length into parts of `least` to `most` bytes.
fn parts(length: usize, least: usize, most: usize) -> Vec<usize> {
    let mut parts = Vec::new();
    let mut left = length;
    while left > 0 {
        let mut part = left.min(most);
        if (1..least).contains(&(left - part)) {
            part -= least;
        }
        parts.push(part);
        left -= part;
    }
    parts
}

fn u32_of(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
