//! WebP: chunks that are missing, doubled, truncated, without padding or in another order.

use anyhow::Result;

use super::{
    Cases, fixture,
    pieces::{Piece, content, riff_chunk, unpadded, webp},
};

/// A file. The RIFF header states the length of the chunks.
fn file(chunks: &[&[u8]]) -> Vec<u8> {
    let chunks = chunks.concat();
    stating(chunks.len() as u32 + 4, &chunks)
}

/// A file whose RIFF header states any length.
fn stating(length: u32, chunks: &[u8]) -> Vec<u8> {
    [b"RIFF", &length.to_le_bytes()[..], b"WEBP", chunks].concat()
}

fn pieces(name: &str) -> Result<Vec<Piece>> {
    let chunks = webp(&fixture(name)?, 12);
    Ok(chunks.into_iter().map(|(piece, _)| piece).collect())
}

fn u24(number: u32) -> [u8; 3] {
    let [a, b, c, _] = number.to_le_bytes();
    [a, b, c]
}

/// A VP8X chunk.
fn extended(flags: u32, width: u32, height: u32) -> Vec<u8> {
    let body = [&flags.to_le_bytes()[..], &u24(width - 1), &u24(height - 1)].concat();
    riff_chunk(b"VP8X", &body)
}

pub(super) fn add(cases: &mut Cases) -> Result<()> {
    lengths(cases)?;
    stills(cases)?;
    data(cases)?;
    animations(cases)
}

fn lengths(cases: &mut Cases) -> Result<()> {
    let lossy = pieces("lossy.webp")?;
    let body = content(&lossy, b"VP8 ");
    let picture = riff_chunk(b"VP8 ", body);
    let length = picture.len() as i64 + 4;
    for more in [-8, -4, -3, -2, -1, 1, 2, 3, 8, 100] {
        let name = format!("RIFF header with {more:+} bytes");
        cases.add(name, stating((length + more) as u32, &picture));
    }
    cases.add("RIFF header with 0 bytes", stating(0, &picture));
    cases.add("RIFF header with 4 GiB", stating(u32::MAX, &picture));
    cases.add("RIFF header with 2 GiB", stating(i32::MAX as u32, &picture));
    for (what, more) in [
        ("a byte", &b"\0"[..]),
        ("four bytes", b"abcd"),
        ("seven bytes", b"abcd\0\0\0"),
        ("an empty chunk", b"abcd\0\0\0\0"),
        ("a truncated chunk", b"abcd\x20\0\0\0aa"),
        ("an unpadded chunk", b"abcd\x03\0\0\0abc"),
        ("a padded chunk", b"abcd\x03\0\0\0abc\0"),
    ] {
        cases.add(format!("{what} after the picture"), file(&[&picture, more]));
        cases.add(
            format!("{what} after the end"),
            [&file(&[&picture]), more].concat(),
        );
    }
    // Content of odd length.
    let odd = [body, &b"\0"[..1 - body.len() % 2]].concat();
    let (padded, bare) = (riff_chunk(b"VP8 ", &odd), unpadded(b"VP8 ", &odd));
    let exif = riff_chunk(b"EXIF", b"abcd");
    cases.add("odd chunk with padding", file(&[&padded]));
    cases.add("odd chunk without padding", file(&[&bare]));
    cases.add(
        "odd chunk whose padding isn't counted",
        stating(padded.len() as u32 + 3, &padded),
    );
    cases.add(
        "odd chunk whose padding is only counted",
        stating(bare.len() as u32 + 5, &bare),
    );
    cases.add("odd chunk with other padding", file(&[&bare, b"z"]));
    let header = extended(8, 31, 17);
    cases.add(
        "odd chunk without padding in between",
        file(&[&header, &bare, &exif]),
    );
    let exif = unpadded(b"EXIF", b"abc");
    cases.add(
        "odd EXIF without padding",
        file(&[&header, &picture, &exif]),
    );
    cases.add(
        "odd EXIF with padding",
        file(&[&header, &picture, &exif, b"\0"]),
    );
    Ok(())
}

fn stills(cases: &mut Cases) -> Result<()> {
    let (lossy, lossless, alpha) = (
        pieces("lossy.webp")?,
        pieces("lossless.webp")?,
        pieces("alpha.webp")?,
    );
    let vp8 = riff_chunk(b"VP8 ", content(&lossy, b"VP8 "));
    let vp8l = riff_chunk(b"VP8L", content(&lossless, b"VP8L"));
    let alph = riff_chunk(b"ALPH", content(&alpha, b"ALPH"));
    let under = riff_chunk(b"VP8 ", content(&alpha, b"VP8 "));
    let [unknown, exif, icc, xmp] =
        [b"JUNK", b"EXIF", b"ICCP", b"XMP "].map(|kind| riff_chunk(kind, b"abcd"));
    let anim = riff_chunk(b"ANIM", &[0; 6]);
    let x = |flags| extended(flags, 31, 17);
    let mut add = |name: &str, chunks: &[&[u8]]| cases.add(name, file(chunks));

    add("unknown chunk before a simple picture", &[&unknown, &vp8]);
    add("unknown chunk after a simple picture", &[&vp8, &unknown]);
    add("two simple pictures", &[&vp8, &vp8]);
    add("two simple pictures of both kinds", &[&vp8, &vp8l]);
    add("VP8X after a simple picture", &[&vp8, &x(0)]);
    add("alpha without VP8X", &[&alph, &under]);
    for (name, chunks) in [
        ("a picture", vec![&vp8]),
        ("a lossless picture", vec![&vp8l]),
        ("no picture", vec![]),
        ("EXIF and no picture", vec![&exif]),
        ("two pictures", vec![&vp8, &vp8]),
        ("pictures of both kinds", vec![&vp8, &vp8l]),
        ("unknown chunk before", vec![&unknown, &vp8]),
        ("unknown chunk after", vec![&vp8, &unknown]),
        ("EXIF before", vec![&exif, &vp8]),
        ("EXIF after", vec![&vp8, &exif]),
        ("XMP after", vec![&vp8, &xmp]),
        ("profile before", vec![&icc, &vp8]),
        ("profile after", vec![&vp8, &icc]),
        ("two profiles", vec![&icc, &icc, &vp8]),
        ("ANIM and a picture", vec![&anim, &vp8]),
        ("alpha", vec![&alph, &under]),
        ("alpha of lossless", vec![&alph, &vp8l]),
        ("alpha after", vec![&under, &alph]),
        ("alpha alone", vec![&alph]),
        ("two alphas", vec![&alph, &alph, &under]),
        ("unknown chunk before alpha", vec![&unknown, &alph, &under]),
        ("unknown chunk after alpha", vec![&alph, &unknown, &under]),
        ("EXIF after alpha", vec![&alph, &exif, &under]),
        ("another VP8X", vec![&x(0), &vp8]),
    ] {
        for flags in [0, 2, 8, 0x10, 0x20, 0x3C] {
            let header = x(flags);
            let all: Vec<&[u8]> = [&header]
                .into_iter()
                .chain(chunks.clone())
                .map(Vec::as_slice)
                .collect();
            add(&format!("VP8X with flags {flags:#x}, {name}"), &all);
        }
    }
    for flags in [0x01, 0x40, 0x80, 0xC1, 0x100, 0xFFFF_FF00] {
        add(&format!("VP8X with flags {flags:#x}"), &[&x(flags), &vp8]);
    }
    for (width, height) in [(32, 17), (31, 18), (30, 17), (31, 16), (1, 1)] {
        let header = extended(0, width, height);
        add(&format!("VP8X of {width} x {height}"), &[&header, &vp8]);
    }
    for length in [0, 4, 9, 10, 11, 12, 20] {
        let mut body = x(0)[8..].to_vec();
        body.resize(length, 0);
        add(
            &format!("VP8X of {length} bytes"),
            &[&riff_chunk(b"VP8X", &body), &vp8],
        );
    }
    for flags in 0..=255 {
        let mut body = content(&alpha, b"ALPH").to_vec();
        // The filter may be any; compressed data stays as it is.
        if flags & !0x1C != body[0] & !0x1C {
            body[0] = flags & 0xF0 | body[0] & 0xF;
            let alph = riff_chunk(b"ALPH", &body);
            add(
                &format!("alpha with flags {:#04x}", body[0]),
                &[&x(0x10), &alph, &under],
            );
        }
    }
    let empty = riff_chunk(b"ALPH", b"");
    add("empty alpha", &[&x(0x10), &empty, &under]);
    Ok(())
}

fn data(cases: &mut Cases) -> Result<()> {
    let (lossy, lossless) = (pieces("lossy.webp")?, pieces("lossless.webp")?);
    let body = content(&lossy, b"VP8 ");
    let mut add = |name: String, kind: &[u8], body: &[u8]| {
        cases.add(name, file(&[&riff_chunk(kind, body)]));
    };
    for bit in 0..5 {
        let mut changed = body.to_vec();
        changed[0] ^= 1 << bit;
        add(format!("VP8 with bit {bit} changed"), b"VP8 ", &changed);
    }
    for at in 3..6 {
        let mut changed = body.to_vec();
        changed[at] ^= 1;
        add(format!("VP8 with byte {at} changed"), b"VP8 ", &changed);
    }
    for (at, what) in [(6, "width"), (8, "height")] {
        let mut changed = body.to_vec();
        changed[at..at + 2].copy_from_slice(&[0, 0]);
        add(format!("VP8 without {what}"), b"VP8 ", &changed);
        changed = body.to_vec();
        changed[at + 1] |= 0x40;
        add(format!("VP8 with a scaled {what}"), b"VP8 ", &changed);
    }
    for length in 0..30 {
        add(format!("{length} bytes of VP8"), b"VP8 ", &body[..length]);
    }
    add(
        "VP8 with more bytes".to_owned(),
        b"VP8 ",
        &[body, &[7; 20]].concat(),
    );
    let body = content(&lossless, b"VP8L");
    for length in 0..5 {
        add(format!("{length} bytes of VP8L"), b"VP8L", &body[..length]);
    }
    for bit in 0..8 {
        let mut changed = body.to_vec();
        changed[0] ^= 1 << bit;
        add(
            format!("VP8L with bit {bit} of its signature changed"),
            b"VP8L",
            &changed,
        );
    }
    for bit in 5..8 {
        let mut changed = body.to_vec();
        changed[4] ^= 1 << bit;
        add(
            format!("VP8L with bit {bit} of its version changed"),
            b"VP8L",
            &changed,
        );
    }
    add(
        "VP8L with more bytes".to_owned(),
        b"VP8L",
        &[body, &[7; 20]].concat(),
    );
    Ok(())
}

fn animations(cases: &mut Cases) -> Result<()> {
    let animated = pieces("animated.webp")?;
    let header = content(&animated, b"VP8X").to_vec();
    let vp8x = riff_chunk(b"VP8X", &header);
    let anim = riff_chunk(b"ANIM", content(&animated, b"ANIM"));
    let frames: Vec<_> = animated
        .iter()
        .filter(|piece| piece.0 == b"ANMF")
        .map(|piece| riff_chunk(&piece.0, &piece.1))
        .collect();
    let all = frames.concat();
    let first = content(&animated, b"ANMF").to_vec();
    let still = pieces("lossy.webp")?;
    let still = riff_chunk(b"VP8 ", content(&still, b"VP8 "));
    let unknown = riff_chunk(b"JUNK", b"abcd");
    let mut add = |name: &str, chunks: &[&[u8]]| cases.add(name, file(chunks));

    add("animation without ANIM", &[&vp8x, &all]);
    add(
        "animation with ANIM after a frame",
        &[&vp8x, &frames[0], &anim, &frames[1]],
    );
    add("animation of one frame", &[&vp8x, &anim, &frames[0]]);
    add("animation without frames", &[&vp8x, &anim]);
    add("animation with two ANIM", &[&vp8x, &anim, &anim, &all]);
    add(
        "animation with an unknown chunk first",
        &[&vp8x, &unknown, &anim, &all],
    );
    add(
        "animation with an unknown chunk in between",
        &[&vp8x, &anim, &frames[0], &unknown, &all],
    );
    add(
        "animation with a picture first",
        &[&vp8x, &anim, &still, &all],
    );
    add(
        "animation with a picture last",
        &[&vp8x, &anim, &all, &still],
    );
    for length in [0, 4, 5, 6, 7, 8] {
        let anim = riff_chunk(b"ANIM", &[0; 8][..length]);
        add(
            &format!("animation with ANIM of {length} bytes"),
            &[&vp8x, &anim, &all],
        );
    }
    for flags in [0_u8, 0x10, 0x12, 0x3E] {
        let header = riff_chunk(b"VP8X", &[&[flags], &header[1..]].concat());
        add(
            &format!("animation with flags {flags:#x}"),
            &[&header, &anim, &all],
        );
        let still = [&header, &anim, &still, &all].map(Vec::as_slice);
        add(
            &format!("animation with flags {flags:#x} and a picture"),
            &still,
        );
    }
    for (width, height) in [(6_u32, 6_u32), (19, 10), (20, 9), (21, 10), (81, 81)] {
        let canvas = [&header[..4], &u24(width - 1), &u24(height - 1)].concat();
        let header = riff_chunk(b"VP8X", &canvas);
        add(
            &format!("animation on {width} x {height}"),
            &[&header, &anim, &all],
        );
    }
    let picture = &first[16..];
    let frame = |place: [u32; 4], rest: &[u8], picture: &[u8]| {
        let place: Vec<_> = place.iter().flat_map(|&number| u24(number)).collect();
        riff_chunk(b"ANMF", &[&place, rest, picture].concat())
    };
    let rest = &first[12..16];
    for (what, place) in [
        ("left 2", [1, 0, 19, 9]),
        ("top 2", [0, 1, 19, 9]),
        ("left 20000", [10_000, 0, 19, 9]),
        ("width 19", [0, 0, 18, 9]),
        ("width 1", [0, 0, 0, 9]),
        ("width 21", [0, 0, 20, 9]),
        ("width 16384", [0, 0, 16_383, 9]),
        ("width 2^24", [0, 0, 0xFF_FFFF, 9]),
        ("height 9", [0, 0, 19, 8]),
        ("height 11", [0, 0, 19, 10]),
    ] {
        let own = frame(place, rest, picture);
        add(&format!("frame with {what}"), &[&vp8x, &anim, &own]);
        add(
            &format!("second frame with {what}"),
            &[&vp8x, &anim, &frames[0], &own],
        );
    }
    let cut = &picture[..picture.len() - 6];
    for (what, picture) in [
        ("an unknown chunk first", [&unknown, picture].concat()),
        ("an unknown chunk last", [picture, &unknown].concat()),
        ("two bytes more", [picture, b"ab"].concat()),
        (
            "an invalid chunk last",
            [picture, b"abcdefgh\0\0\0\0"].concat(),
        ),
        ("two pictures", [picture, picture].concat()),
        ("no picture", Vec::new()),
        ("only an unknown chunk", unknown.clone()),
        ("another picture", still.clone()),
        ("a truncated picture", cut.to_vec()),
        ("a nested frame", frame([0, 0, 19, 9], rest, picture)),
    ] {
        let own = frame([0, 0, 19, 9], rest, &picture);
        add(&format!("frame with {what}"), &[&vp8x, &anim, &own]);
        add(
            &format!("second frame with {what}"),
            &[&vp8x, &anim, &frames[0], &own],
        );
    }
    for length in [0, 8, 15, 16] {
        let own = riff_chunk(b"ANMF", &first[..length]);
        add(&format!("frame of {length} bytes"), &[&vp8x, &anim, &own]);
        add(
            &format!("second frame of {length} bytes"),
            &[&vp8x, &anim, &frames[0], &own],
        );
    }
    let flags = frame([0, 0, 19, 9], &[0, 0, 0, 0xFF], picture);
    add("frame with reserved flags", &[&vp8x, &anim, &flags]);
    Ok(())
}
