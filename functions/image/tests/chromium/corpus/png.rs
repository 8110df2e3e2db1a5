//! PNG: chunks that are missing, doubled, damaged or in another order, and APNG.

use anyhow::Result;

use super::{
    Cases, fixture,
    pieces::{Piece, chunk, chunk_with, content, png},
};

/// EXIF that turns the picture.
const TURNED: &[u8] = &[
    b'I', b'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0,
];

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

fn file(chunks: &[&[u8]]) -> Vec<u8> {
    [SIGNATURE, &chunks.concat()].concat()
}

fn pieces(name: &str) -> Result<Vec<Piece>> {
    let chunks = png(&fixture(name)?);
    Ok(chunks.into_iter().map(|(piece, _)| piece).collect())
}

pub(super) fn add(cases: &mut Cases) -> Result<()> {
    chunks(cases)?;
    headers(cases)?;
    palettes(cases)?;
    animations(cases)
}

fn chunks(cases: &mut Cases) -> Result<()> {
    let rgb = pieces("rgb.png")?;
    let (header, data) = (content(&rgb, b"IHDR"), content(&rgb, b"IDAT"));
    let (ihdr, idat, iend) = (
        chunk(b"IHDR", header),
        chunk(b"IDAT", data),
        chunk(b"IEND", b""),
    );
    let text = chunk(b"tEXt", b"a\0b");
    let (ihdr, idat, iend, text) = (&ihdr[..], &idat[..], &iend[..], &text[..]);
    let mut add = |name: &str, chunks: &[&[u8]]| cases.add(name, file(chunks));

    add(
        "IHDR with a wrong checksum",
        &[&chunk_with(b"IHDR", header, 5), idat, iend],
    );
    add(
        "IDAT with a wrong checksum",
        &[ihdr, &chunk_with(b"IDAT", data, 5), iend],
    );
    add(
        "IEND with a wrong checksum",
        &[ihdr, idat, &chunk_with(b"IEND", b"", 5)],
    );
    add("IEND with content", &[ihdr, idat, &chunk(b"IEND", b"abcd")]);
    add(
        "IEND with a huge length",
        &[ihdr, idat, b"p\0\0\0IEND\0\0\0\0"],
    );
    add("no IEND", &[ihdr, idat]);
    add(
        "a truncated text chunk instead of IEND",
        &[ihdr, idat, b"\0\0\x01\0tEXtabc"],
    );
    for length in 1..14 {
        let zeros = &[0; 14][..length];
        add(
            &format!("{length} zeros instead of IEND"),
            &[ihdr, idat, zeros],
        );
        let junk = &b"garbage garbage"[..length];
        add(
            &format!("{length} letters instead of IEND"),
            &[ihdr, idat, junk],
        );
        add(
            &format!("{length} FF instead of IEND"),
            &[ihdr, idat, &[0xFF; 14][..length]],
        );
    }
    add("text after the pixels", &[ihdr, idat, text, iend]);
    let damaged = chunk_with(b"tEXt", b"a\0b", 5);
    add(
        "damaged text after the pixels",
        &[ihdr, idat, &damaged, iend],
    );
    add(
        "damaged text before the pixels",
        &[ihdr, &damaged, idat, iend],
    );
    add("text before IHDR", &[text, ihdr, idat, iend]);
    add("no IHDR", &[idat, iend]);
    add("two IHDR", &[ihdr, ihdr, idat, iend]);
    add("IHDR after the pixels", &[ihdr, idat, ihdr, iend]);
    for (kind, what) in [
        (b"ABCD", "unknown critical"),
        (b"aBCD", "unknown ancillary"),
        (b"aBcD", "reserved ancillary"),
        (b"AB1D", "invalid critical"),
        (b"ab1d", "invalid ancillary"),
    ] {
        let other = chunk(kind, b"abc");
        add(
            &format!("{what} chunk before the pixels"),
            &[ihdr, &other, idat, iend],
        );
        add(
            &format!("{what} chunk after the pixels"),
            &[ihdr, idat, &other, iend],
        );
        let other = chunk_with(kind, b"abc", 5);
        add(
            &format!("damaged {what} chunk before the pixels"),
            &[ihdr, &other, idat, iend],
        );
        add(
            &format!("damaged {what} chunk after the pixels"),
            &[ihdr, idat, &other, iend],
        );
    }
    add(
        "a negative length before the pixels",
        &[ihdr, b"\x80\0\0\0tEXt", idat, iend],
    );
    add(
        "a negative length after the pixels",
        &[ihdr, idat, b"\x80\0\0\0tEXt", iend],
    );
    let half = data.len() / 2;
    let (one, two) = (chunk(b"IDAT", &data[..half]), chunk(b"IDAT", &data[half..]));
    add("pixels in two chunks", &[ihdr, &one, &two, iend]);
    add(
        "pixels in two chunks with text between",
        &[ihdr, &one, text, &two, iend],
    );
    add(
        "pixels twice, with text between",
        &[ihdr, idat, text, idat, iend],
    );
    let bytes: Vec<u8> = data
        .chunks(1)
        .flat_map(|byte| chunk(b"IDAT", byte))
        .collect();
    add("pixels in chunks of a byte", &[ihdr, &bytes, iend]);
    let empty = chunk(b"IDAT", b"");
    add(
        "empty IDAT before and after",
        &[ihdr, &empty, idat, &empty, iend],
    );
    add("only an empty IDAT", &[ihdr, &empty, iend]);
    add("no IDAT", &[ihdr, iend]);
    add(
        "more data after the pixels",
        &[ihdr, idat, &chunk(b"IDAT", b"junk"), iend],
    );
    let damaged = chunk_with(b"IDAT", b"junk", 5);
    add(
        "damaged data after the pixels",
        &[ihdr, idat, &damaged, iend],
    );
    // Apple's variant: another first chunk, and pixels without the header and checksum of zlib.
    let apple = chunk(b"CgBI", &[0x50, 0, 0x20, 0x02]);
    let raw = chunk(b"IDAT", &data[2..data.len() - 4]);
    add("CgBI", &[&apple, ihdr, &raw, iend]);
    add("CgBI with ordinary pixels", &[&apple, ihdr, idat, iend]);
    for (kind, body) in [
        (b"gAMA", &b"\0\0\x01\0"[..]),
        (b"gAMA", b"\0"),
        (b"iCCP", b"a\0\0junk"),
        (b"eXIf", b"junk"),
        (b"eXIf", TURNED),
        (b"tRNS", b"a"),
        (b"pHYs", b"a"),
        (b"cHRM", b"a"),
        (b"sRGB", b"\x09"),
        (b"tIME", b"a"),
    ] {
        let (name, other) = (kind.escape_ascii(), chunk(kind, body));
        let length = body.len();
        add(
            &format!("{name} of {length} bytes"),
            &[ihdr, &other, idat, iend],
        );
        add(
            &format!("{name} of {length} bytes twice"),
            &[ihdr, &other, &other, idat, iend],
        );
        add(
            &format!("{name} of {length} bytes at the end"),
            &[ihdr, idat, &other, iend],
        );
    }
    let whole = file(&[ihdr, idat, iend]);
    cases.add(
        "changed in text mode",
        [b"\x89PNG\n\x1a\n", &whole[8..]].concat(),
    );
    Ok(())
}

fn headers(cases: &mut Cases) -> Result<()> {
    let rgb = pieces("rgb.png")?;
    let header = content(&rgb, b"IHDR");
    let (idat, iend) = (chunk(b"IDAT", content(&rgb, b"IDAT")), chunk(b"IEND", b""));
    let mut add = |name: String, header: &[u8]| {
        cases.add(name, file(&[&chunk(b"IHDR", header), &idat, &iend]));
    };
    add("IHDR of 12 bytes".to_owned(), &header[..12]);
    add("IHDR of 14 bytes".to_owned(), &[header, b"\0"].concat());
    for (at, value) in [
        (3, 0),
        (7, 0),
        (8, 0),
        (8, 3),
        (8, 32),
        (9, 1),
        (9, 5),
        (9, 7),
        (10, 1),
        (11, 1),
        (11, 64),
        (12, 2),
        (0, 0x80),
        (4, 0x80),
    ] {
        let mut changed = header.to_vec();
        changed[at] = value;
        add(format!("IHDR with {value} at {at}"), &changed);
    }
    Ok(())
}

fn palettes(cases: &mut Cases) -> Result<()> {
    let palette = pieces("palette.png")?;
    let colours = content(&palette, b"PLTE");
    let ihdr = chunk(b"IHDR", content(&palette, b"IHDR"));
    let plte = chunk(b"PLTE", colours);
    let idat = chunk(b"IDAT", content(&palette, b"IDAT"));
    let iend = chunk(b"IEND", b"");
    let transparency = chunk(b"tRNS", b"a");
    let mut add = |name: &str, chunks: &[&[u8]]| cases.add(name, file(chunks));
    add("no palette", &[&ihdr, &idat, &iend]);
    add("palette after the pixels", &[&ihdr, &idat, &plte, &iend]);
    add("two palettes", &[&ihdr, &plte, &plte, &idat, &iend]);
    let damaged = chunk_with(b"PLTE", colours, 5);
    add("damaged palette", &[&ihdr, &damaged, &idat, &iend]);
    add(
        "transparency before the palette",
        &[&ihdr, &transparency, &plte, &idat, &iend],
    );
    let long = chunk(b"tRNS", &[1; 300]);
    add("long transparency", &[&ihdr, &plte, &long, &idat, &iend]);
    for length in [0, 1, 2, 3, 4, 6, 768, 769, 771] {
        let plte = chunk(b"PLTE", &[7; 1000][..length]);
        add(
            &format!("palette of {length} bytes"),
            &[&ihdr, &plte, &idat, &iend],
        );
    }
    let rgb = pieces("rgb.png")?;
    let ihdr = chunk(b"IHDR", content(&rgb, b"IHDR"));
    let idat = chunk(b"IDAT", content(&rgb, b"IDAT"));
    let mut add = |name: &str, chunks: &[&[u8]]| cases.add(name, file(chunks));
    add("palette of RGB", &[&ihdr, &plte, &idat, &iend]);
    add("damaged palette of RGB", &[&ihdr, &damaged, &idat, &iend]);
    add(
        "palette of RGB after the pixels",
        &[&ihdr, &idat, &plte, &iend],
    );
    Ok(())
}

fn animations(cases: &mut Cases) -> Result<()> {
    let animated = pieces("animated.png")?;
    let of = |kind: &[u8]| {
        let places = animated
            .iter()
            .enumerate()
            .filter(|(_, piece)| piece.0 == kind);
        places.map(|(place, _)| place).collect::<Vec<_>>()
    };
    let (controls, frames) = (of(b"fcTL"), of(b"fdAT"));
    let last = |places: &[usize]| places.last().copied().unwrap_or_default();
    let sealed = |pieces: &[Piece]| {
        let chunks: Vec<_> = pieces
            .iter()
            .map(|(kind, body)| chunk(kind, body))
            .collect();
        file(&chunks.iter().map(Vec::as_slice).collect::<Vec<_>>())
    };
    // A field of the control of the first or second frame: offset, value.
    for (which, name) in [(0, "first"), (1, "second")] {
        for (what, offset, value) in [
            ("number 9", 0, 9_u32),
            ("width 5", 4, 5),
            ("width 0", 4, 0),
            ("width 21", 4, 21),
            ("width 20000", 4, 20_000),
            ("height 3", 8, 3),
            ("left 1", 12, 1),
            ("left 20000", 12, 20_000),
            ("top 20000", 16, 20_000),
        ] {
            let mut changed = animated.clone();
            changed[controls[which]].1[offset..offset + 4].copy_from_slice(&value.to_be_bytes());
            cases.add(format!("{name} frame with {what}"), sealed(&changed));
        }
        for (what, offset) in [("disposal", 24), ("blending", 25)] {
            let mut changed = animated.clone();
            changed[controls[which]].1[offset] = 3;
            cases.add(
                format!("{name} frame with an invalid {what}"),
                sealed(&changed),
            );
        }
        let mut changed = animated.clone();
        changed[controls[which]].1.truncate(20);
        cases.add(
            format!("{name} frame with a short control"),
            sealed(&changed),
        );
    }
    for count in [0_u32, 1, 2, 3, 5, 1_000_000] {
        let mut changed = animated.clone();
        changed[1].1[..4].copy_from_slice(&count.to_be_bytes());
        cases.add(format!("animation of {count} frames"), sealed(&changed));
    }
    for (what, places) in [
        ("acTL", vec![1]),
        ("its first control", vec![controls[0]]),
        ("its second control", vec![controls[1]]),
        ("its second frame", vec![controls[1], frames[0]]),
        ("the data of its second frame", vec![frames[0]]),
        ("the data of its last frame", vec![last(&frames)]),
        ("its last frame", vec![last(&controls), last(&frames)]),
        ("IEND", vec![animated.len() - 1]),
        (
            "IEND and the data of its last frame",
            vec![last(&frames), animated.len() - 1],
        ),
    ] {
        let rest = animated
            .iter()
            .enumerate()
            .filter(|(place, _)| !places.contains(place));
        let rest: Vec<_> = rest.map(|(_, piece)| piece.clone()).collect();
        cases.add(format!("animation without {what}"), sealed(&rest));
    }
    for (what, place) in [
        ("control", controls[1]),
        ("data", frames[0]),
        ("IEND", animated.len() - 1),
    ] {
        let chunks: Vec<_> = animated
            .iter()
            .enumerate()
            .map(|(at, (kind, body))| match at == place {
                true => chunk_with(kind, body, 5),
                false => chunk(kind, body),
            })
            .collect();
        let bytes = file(&chunks.iter().map(Vec::as_slice).collect::<Vec<_>>());
        cases.add(format!("animation with a damaged {what}"), bytes);
    }
    let text = (b"tEXt".to_vec(), b"a\0b".to_vec());
    let mut noted = animated.clone();
    noted.insert(frames[0], text.clone());
    cases.add("animation with text before a frame's data", sealed(&noted));
    noted = animated.clone();
    noted.insert(frames[0] + 1, text);
    cases.add("animation with text after a frame's data", sealed(&noted));
    Ok(())
}
