//! The pieces that files consist of, taken apart and put together.

use std::ops::Range;

fn u32_be(bytes: &[u8], at: usize) -> usize {
    bytes.get(at..at + 4).map_or(0, |word| {
        word.iter().fold(0, |n, &byte| n << 8 | usize::from(byte))
    })
}

fn u32_le(bytes: &[u8], at: usize) -> usize {
    bytes.get(at..at + 4).map_or(0, |word| {
        word.iter()
            .rev()
            .fold(0, |n, &byte| n << 8 | usize::from(byte))
    })
}

/// A piece's type and content.
pub(super) type Piece = (Vec<u8>, Vec<u8>);

/// Content with the type of a piece.
pub(super) fn content<'a>(pieces: &'a [Piece], kind: &[u8]) -> &'a [u8] {
    pieces
        .iter()
        .find(|piece| piece.0 == kind)
        .map_or(&[], |piece| &piece.1)
}

/// The chunks of a PNG file, and where their contents are.
pub(super) fn png(bytes: &[u8]) -> Vec<(Piece, Range<usize>)> {
    let mut chunks = Vec::new();
    let mut at = 8;
    while at + 12 <= bytes.len() {
        let end = (at + 8 + u32_be(bytes, at)).min(bytes.len());
        let piece = (bytes[at + 4..at + 8].to_vec(), bytes[at + 8..end].to_vec());
        chunks.push((piece, at + 8..end));
        at = end + 4;
    }
    chunks
}

/// A PNG chunk.
pub(super) fn chunk(kind: &[u8], body: &[u8]) -> Vec<u8> {
    let sum = crc32(&[kind, body].concat());
    chunk_with(kind, body, sum)
}

/// A PNG chunk with any checksum.
pub(super) fn chunk_with(kind: &[u8], body: &[u8], sum: u32) -> Vec<u8> {
    let length = (body.len() as u32).to_be_bytes();
    [&length, kind, body, &sum.to_be_bytes()].concat()
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut sum = !0_u32;
    for &byte in bytes {
        sum ^= u32::from(byte);
        for _ in 0..8 {
            sum = (sum >> 1) ^ ((sum & 1) * 0xEDB8_8320);
        }
    }
    !sum
}

/// The segments of a JPEG file up to its first scan, which has the rest, without the start.
pub(super) fn jpeg(bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut segments = Vec::new();
    let mut at = 2;
    while at + 4 <= bytes.len() {
        let marker = bytes[at + 1];
        let length = usize::from(bytes[at + 2]) << 8 | usize::from(bytes[at + 3]);
        let end = match marker {
            0xDA => bytes.len(),
            _ => (at + 2 + length).min(bytes.len()),
        };
        segments.push((marker, bytes[at..end].to_vec()));
        at = end;
    }
    segments
}

/// The chunks of a WebP file, or of one of its frames, from a position.
pub(super) fn webp(bytes: &[u8], from: usize) -> Vec<(Piece, Range<usize>)> {
    let mut chunks = Vec::new();
    let mut at = from;
    while at + 8 <= bytes.len() {
        let length = u32_le(bytes, at + 4);
        let end = (at + 8 + length).min(bytes.len());
        let piece = (bytes[at..at + 4].to_vec(), bytes[at + 8..end].to_vec());
        chunks.push((piece, at + 8..end));
        at = end + length % 2;
    }
    chunks
}

/// A WebP chunk with its padding.
pub(super) fn riff_chunk(kind: &[u8], body: &[u8]) -> Vec<u8> {
    let mut chunk = unpadded(kind, body);
    if body.len() % 2 == 1 {
        chunk.push(0);
    }
    chunk
}

/// A WebP chunk without padding.
pub(super) fn unpadded(kind: &[u8], body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u32).to_le_bytes();
    [kind, &length, body].concat()
}

/// The boxes in a part of an AVIF file.
pub(super) fn boxes(bytes: &[u8]) -> Vec<Piece> {
    let mut boxes = Vec::new();
    let mut at = 0;
    while at + 8 <= bytes.len() {
        let end = (at + u32_be(bytes, at).max(8)).min(bytes.len());
        boxes.push((bytes[at + 4..at + 8].to_vec(), bytes[at + 8..end].to_vec()));
        at = end;
    }
    boxes
}

/// A box.
pub(super) fn boxed(kind: &[u8], body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u32 + 8).to_be_bytes();
    [&length, kind, body].concat()
}

/// Where the coded data of a file is.
pub(super) fn coded(format: &str, bytes: &[u8]) -> Vec<Range<usize>> {
    let all = |chunks: Vec<(Piece, Range<usize>)>, kinds: &[&[u8]]| {
        let coded = chunks
            .into_iter()
            .filter(|(piece, _)| kinds.contains(&piece.0.as_slice()));
        coded.map(|(_, range)| range).collect::<Vec<_>>()
    };
    match format {
        "PNG" => all(png(bytes), &[b"IDAT", b"fdAT"]),
        "WebP" => all(webp(bytes, 12), &[b"VP8 ", b"VP8L", b"ALPH", b"ANMF"]),
        // From the first tables on: tables decide how the rest is read.
        "JPEG" => {
            let table = |marker| bytes.windows(2).position(|pair| pair == [0xFF, marker]);
            table(0xC4)
                .or(table(0xCC))
                .or(table(0xDA))
                .map(|at| at..bytes.len())
                .into_iter()
                .collect()
        }
        "GIF" => gif_data(bytes),
        "AVIF" => {
            let find = |tag: &[u8]| bytes.windows(4).position(|window| window == tag);
            let data = find(b"mdat").map(|at| at..bytes.len());
            let inner = find(b"idat").map(|at| at..at + u32_be(bytes, at - 4) - 4);
            // Profiles count as data.
            let profile = find(b"prof").map(|at| at..at + u32_be(bytes, at - 8));
            data.into_iter().chain(inner).chain(profile).collect()
        }
        _ => Vec::new(),
    }
}

/// Where a GIF file's frames are, without their descriptions. Their palettes count as data.
fn gif_data(bytes: &[u8]) -> Vec<Range<usize>> {
    let palette = |flags: u8| {
        if flags & 0x80 == 0 {
            0
        } else {
            3 << ((flags & 7) + 1)
        }
    };
    let mut ranges = Vec::new();
    let skip = |mut at: usize| {
        while let Some(&length) = bytes.get(at) {
            at += 1 + usize::from(length);
            if length == 0 {
                break;
            }
        }
        at
    };
    let mut at = 13 + palette(bytes[10]);
    ranges.push(13..at);
    while let Some(&block) = bytes.get(at) {
        match block {
            b'!' => at = skip(at + 2),
            b',' => {
                let start = at + 10;
                at = skip(start + palette(bytes[at + 9]) + 1);
                ranges.push(start..at);
            }
            _ => break,
        }
    }
    ranges
}
