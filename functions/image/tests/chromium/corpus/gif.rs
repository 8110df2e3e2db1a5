//! GIF: screens, frames and extensions that are empty, beyond the screen, doubled or cut.

use anyhow::Result;

use super::Cases;

const COLOURS: &[u8] = &[255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255];
const CONTROL: &[u8] = b"!\xF9\x04\x04\0\0\0\0";
const END: &[u8] = b";";

/// The header, and four colours.
fn screen(width: u16, height: u16) -> Vec<u8> {
    screen_with(b"GIF89a", width, height, 0x81, COLOURS)
}

fn screen_with(version: &[u8], width: u16, height: u16, flags: u8, colours: &[u8]) -> Vec<u8> {
    let (width, height) = (width.to_le_bytes(), height.to_le_bytes());
    [version, &width, &height, &[flags, 0, 0], colours].concat()
}

/// Codes of a number of pixels, in blocks. The table is cleared often enough that codes never grow.
fn data(pixels: u32, bits: u32, has_end: bool) -> Vec<u8> {
    let clear = 1_u32 << bits;
    let mut codes = Vec::new();
    for pixel in 0..pixels {
        codes.push(clear);
        codes.push(pixel % clear.min(3));
    }
    if has_end {
        codes.push(clear + 1);
    }
    let (mut bytes, mut buffer, mut held) = (Vec::new(), 0_u32, 0);
    for code in codes {
        buffer |= code << held;
        held += bits + 1;
        while held >= 8 {
            bytes.push(buffer as u8);
            buffer >>= 8;
            held -= 8;
        }
    }
    bytes.push(buffer as u8);
    let blocks = bytes
        .chunks(255)
        .flat_map(|block| [&[block.len() as u8], block].concat());
    blocks.chain([0]).collect()
}

fn frame(left: u16, top: u16, width: u16, height: u16) -> Vec<u8> {
    let pixels = u32::from(width) * u32::from(height);
    frame_with(
        [left, top, width, height],
        0,
        b"",
        2,
        &data(pixels, 2, true),
    )
}

fn frame_with(place: [u16; 4], flags: u8, colours: &[u8], bits: u8, data: &[u8]) -> Vec<u8> {
    let place: Vec<_> = place
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .collect();
    [b",", &place[..], &[flags], colours, &[bits], data].concat()
}

pub(super) fn add(cases: &mut Cases) -> Result<()> {
    sizes(cases);
    blocks(cases);
    codes(cases);
    Ok(())
}

fn sizes(cases: &mut Cases) {
    for (width, height) in [(5, 5), (0, 0), (0, 4), (4, 0), (1, 1), (600, 400)] {
        for (what, frames) in [
            ("a frame of its size", vec![frame(0, 0, width, height)]),
            ("a larger frame", vec![frame(0, 0, 31, 17)]),
            ("a frame beyond", vec![frame(10, 12, 4, 4)]),
            ("a frame across its edge", vec![frame(3, 3, 4, 4)]),
            (
                "a larger second frame",
                vec![frame(0, 0, 1, 1), frame(0, 0, 9, 9)],
            ),
            (
                "a second frame far beyond",
                vec![frame(0, 0, 1, 1), frame(20_000, 20_000, 2, 2)],
            ),
            (
                "two larger frames",
                vec![frame(0, 0, 7, 7), frame(0, 0, 9, 9)],
            ),
            ("an empty frame", vec![frame(0, 0, 0, 0)]),
            (
                "an empty frame with data",
                vec![frame_with([0; 4], 0, b"", 2, &data(4, 2, true))],
            ),
            ("an empty frame beyond", vec![frame(9, 9, 0, 0)]),
            ("a frame without width", vec![frame(0, 0, 0, 3)]),
            (
                "an empty second frame",
                vec![frame(0, 0, 2, 2), frame(0, 0, 0, 0)],
            ),
            (
                "an empty first frame",
                vec![frame(0, 0, 0, 0), frame(0, 0, 9, 9)],
            ),
        ] {
            let bytes = [screen(width, height), frames.concat(), END.to_vec()].concat();
            cases.add(format!("screen of {width} x {height}, {what}"), bytes);
        }
    }
}

fn blocks(cases: &mut Cases) {
    let (one, two) = (frame(0, 0, 4, 4), frame(1, 1, 2, 2));
    let local = frame_with([0, 0, 4, 4], 0x81, COLOURS, 2, &data(16, 2, true));
    let start = screen(4, 4);
    let plain = screen_with(b"GIF89a", 4, 4, 0, b"");
    let mut add = |name: String, parts: &[&[u8]]| cases.add(name, parts.concat());
    let start = &start[..];
    for (what, parts) in [
        ("no frame", vec![start, END]),
        ("a control and no frame", vec![start, CONTROL, END]),
        ("nothing after the screen", vec![start]),
        ("no trailer", vec![start, &one]),
        ("no trailer but text", vec![start, &one, b"?text"]),
        ("a frame after text", vec![start, &one, b"?text", &two, END]),
        ("text before the frame", vec![start, b"?text", &one, END]),
        (
            "a frame after the trailer",
            vec![start, &one, END, &two, END],
        ),
        ("no colours", vec![&plain, &one, END]),
        ("local colours", vec![&plain, &local, END]),
        ("zeros before the frame", vec![start, b"\0\0", &one, END]),
        (
            "zeros between frames",
            vec![start, &one, b"\0\0", &two, END],
        ),
        ("zeros after the frame", vec![start, &one, b"\0\0", END]),
        ("no last empty block", vec![start, &one[..one.len() - 1]]),
        (
            "no last empty block, but a trailer",
            vec![start, &one[..one.len() - 1], END],
        ),
        (
            "no last empty block, but text",
            vec![start, &one[..one.len() - 1], b"Zhello"],
        ),
    ] {
        add(what.to_owned(), &parts);
    }
    for (version, what) in [(b"GIF87a", "87a"), (b"GIF88a", "88a"), (b"GIF89b", "89b")] {
        let start = screen_with(version, 4, 4, 0x81, COLOURS);
        add(format!("version {what}"), &[&start, CONTROL, &one, END]);
    }
    for (what, extension) in [
        ("an unknown extension", &b"!\x77\x03abc\0"[..]),
        ("a short control", b"!\xF9\x03abc\0"),
        ("a long control", b"!\xF9\x05abcde\0"),
        ("an empty control", b"!\xF9\0"),
        ("a control of two blocks", b"!\xF9\x04\0\0\0\0\x03abc\0"),
        ("a short application", b"!\xFF\x03abc\0"),
        ("a loop", b"!\xFF\x0BNETSCAPE2.0\x03\x01\0\0\0"),
        ("a short loop", b"!\xFF\x0BNETSCAPE2.0\x01\x01\0"),
        ("a comment", b"!\xFE\x03abc\0"),
        ("an empty comment", b"!\xFE\0"),
        (
            "plain text",
            b"!\x01\x0C\0\0\0\0\x04\0\x04\0\x01\x01\0\x01\x03abc\0",
        ),
        ("a truncated extension", b"!\xFE\x30abc"),
        ("an extension without type", b"!"),
    ] {
        add(
            format!("{what} before the frame"),
            &[start, extension, &one, END],
        );
        add(
            format!("{what} between frames"),
            &[start, &one, extension, &two, END],
        );
        add(format!("{what} at the end"), &[start, &one, extension]);
    }
    for length in 0..two.len() {
        add(
            format!("{length} bytes of a second frame"),
            &[start, &one, &two[..length]],
        );
    }
    for length in 0..local.len() {
        let cut = &local[..length];
        add(
            format!("{length} bytes of a second frame with colours"),
            &[start, &one, cut],
        );
    }
}

fn codes(cases: &mut Cases) {
    let whole = screen(4, 4);
    let mut add = |name: String, bits: u8, data: &[u8]| {
        let own = frame_with([0, 0, 4, 4], 0, b"", bits, data);
        cases.add(&*name, [&whole, &own, END].concat());
        let second = [&whole, &frame(0, 0, 4, 4), &own, END].concat();
        cases.add(format!("{name}, second frame"), second);
    };
    add("no end code".to_owned(), 2, &data(16, 2, false));
    add("too many pixels".to_owned(), 2, &data(60, 2, true));
    add("no data".to_owned(), 2, b"\0");
    add("one byte of data".to_owned(), 2, b"\x01\x04\0");
    for bits in [0, 1, 2, 3, 7, 8] {
        add(
            format!("codes of {bits} bits"),
            bits,
            &data(16, bits.into(), true),
        );
    }
    for bits in [9, 10, 11, 12, 255] {
        add(format!("codes of {bits} bits"), bits, &data(16, 2, true));
    }
}
