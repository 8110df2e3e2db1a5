//! Files of real encoders (see `tests/fixtures/make.py`): complete, truncated, contradictory and
//! mutated.

use super::*;

macro_rules! fixtures {
    ($($name:literal $format:ident $width:literal $height:literal,)*) => {
        const FIXTURES: &[(&str, &[u8], Format, u32, u32)] = &[$((
            $name,
            include_bytes!(concat!("../../tests/fixtures/", $name)),
            Format::$format,
            $width,
            $height,
        ),)*];
    };
}

fixtures! {
    "1x1.png" Png 1 1,
    "rgb.png" Png 31 17,
    "rgba.png" Png 31 17,
    "palette.png" Png 31 17,
    "gray16.png" Png 31 17,
    "bilevel.png" Png 31 17,
    "animated.png" Png 20 10,
    "interlaced.png" Png 31 17,
    "1x1.jpg" Jpeg 1 1,
    "baseline.jpg" Jpeg 31 17,
    "progressive.jpg" Jpeg 63 33,
    "gray.jpg" Jpeg 31 17,
    "cmyk.jpg" Jpeg 31 17,
    "restart.jpg" Jpeg 63 33,
    "subsampled.jpg" Jpeg 63 33,
    "exif.jpg" Jpeg 31 17,
    "camera.jpg" Jpeg 31 17,
    "1x1.gif" Gif 1 1,
    "palette.gif" Gif 31 17,
    "interlaced.gif" Gif 31 17,
    "transparent.gif" Gif 31 17,
    "animated.gif" Gif 20 10,
    "1x1.webp" Webp 1 1,
    "lossy.webp" Webp 31 17,
    "lossless.webp" Webp 31 17,
    "alpha.webp" Webp 31 17,
    "exif.webp" Webp 31 17,
    "animated.webp" Webp 20 10,
    "1x1.avif" Avif 1 1,
    "rgb.avif" Avif 31 17,
    "alpha.avif" Avif 31 17,
    "exif.avif" Avif 31 17,
    "animated.avif" Avif 20 10,
}

fn fixture(name: &str) -> Vec<u8> {
    let found = FIXTURES.iter().find(|fixture| fixture.0 == name);
    found.unwrap().1.to_vec()
}

/// The position of a piece of a file.
fn find(bytes: &[u8], piece: &[u8]) -> usize {
    let mut windows = bytes.windows(piece.len());
    windows.position(|window| window == piece).unwrap()
}

/// The message for a fixture with some bytes overwritten.
fn refusal(name: &str, patches: &[(usize, &[u8])]) -> String {
    let mut bytes = fixture(name);
    for (place, patch) in patches {
        bytes[*place..place + patch.len()].copy_from_slice(patch);
    }
    inspect(&bytes).unwrap_err().to_string()
}

/// Corrects the checksum of the PNG chunk whose length is at `place`.
fn seal(png: &mut [u8], place: usize) {
    let length = u32::from_be_bytes(png[place..place + 4].try_into().unwrap()) as usize;
    let end = place + 8 + length;
    let sum = crc32fast::hash(&png[place + 4..end]);
    png[end..end + 4].copy_from_slice(&sum.to_be_bytes());
}

#[test]
fn files_of_every_encoder_are_accepted() {
    for &(name, bytes, format, width, height) in FIXTURES {
        let size = Size { width, height };
        assert_eq!(inspect(bytes), Ok(Image { format, size }), "{name}");
    }
}

#[test]
fn a_file_truncated_anywhere_is_refused() {
    for &(name, bytes, ..) in FIXTURES {
        let whole = match name {
            // Here more follows the picture, which may be truncated.
            "camera.jpg" => bytes.len() - fixture("1x1.jpg").len() - "notes".len(),
            _ => bytes.len(),
        };
        for length in 0..whole {
            assert!(inspect(&bytes[..length]).is_err(), "{name} cut at {length}");
        }
        assert!(inspect(&bytes[..whole]).is_ok(), "{name}");
    }
}

#[test]
fn only_formats_with_an_end_marker_may_have_trailing_bytes() {
    for &(name, bytes, format, ..) in FIXTURES {
        let may = matches!(format, Format::Png | Format::Jpeg | Format::Gif);
        let more = [bytes, b"and more"].concat();
        assert_eq!(inspect(&more).is_ok(), may, "{name}");
    }
}

/// Damage never causes a panic, and is never taken for another format.
#[test]
fn damaged_files_are_refused_without_a_panic() {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    const NUMBERS: [&[u8]; 8] = [
        &[0],
        &[0xFF],
        &[0, 0],
        &[0xFF, 0xFF],
        &[0, 0, 0, 0],
        &[0xFF; 4],
        &[0x7F, 0xFF, 0xFF, 0xFF],
        &[0xFF; 8],
    ];
    for &(name, bytes, format, ..) in FIXTURES {
        for _ in 0..1500 {
            let mut damaged = bytes.to_vec();
            for _ in 0..=random(3) {
                let place = 12 + random(damaged.len() - 20);
                match random(4) {
                    0 => damaged[place] ^= 1 << random(8),
                    1 => damaged[place] = random(256) as u8,
                    2 => {
                        let number = NUMBERS[random(NUMBERS.len())];
                        damaged[place..place + number.len()].copy_from_slice(number);
                    }
                    _ => {
                        let from = random(damaged.len() - 8);
                        damaged.copy_within(from..from + 8, place);
                    }
                }
            }
            damaged.truncate(damaged.len() - random(damaged.len()) * random(2));
            if let Ok(image) = inspect(&damaged) {
                assert_eq!(image.format, format, "{name}");
            }
        }
    }
    for length in 0..300 {
        let noise: Vec<u8> = (0..length).map(|_| random(256) as u8).collect();
        for start in [
            &b""[..],
            b"\x89PNG\r\n\x1a\n",
            b"\xFF\xD8\xFF",
            b"GIF89a",
            b"RIFF\0\0\0\0WEBP",
            b"\0\0\0\x0Cftypavif",
        ] {
            assert!(inspect(&[start, &noise].concat()).is_err());
        }
    }
}

#[test]
fn known_other_files_are_named() {
    let cases: [(&[u8], &str); 10] = [
        (b"hello, this is text", "text, not a picture's bytes"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "text, not"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a HEIC file"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "a video"),
        (b"BM\x46\0\0\0\0\0\0\0\x36", "a BMP file"),
        (b"II*\0\x08\0\0\0", "a TIFF file"),
        (b"%PDF-1.7", "a PDF file"),
        (b"\xFF\x0A\x00", "a JPEG XL file"),
        (b"\x01\x02\x03", "the content is not a picture"),
        (b"\xFF\xD8", "the content is not a picture"),
    ];
    for (bytes, expected) in cases {
        let message = inspect(bytes).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
        assert!(
            message.ends_with("send a PNG, JPEG, GIF, WebP or AVIF file"),
            "{message}"
        );
    }
}

#[test]
fn sizes_have_limits() {
    assert!(Size::new(1, 1).is_ok());
    assert!(Size::new(10_000, 10_000).is_ok());
    assert!(Size::new(MAX_SIDE, 1).is_ok());
    for (width, height) in [
        (0, 1),
        (1, 0),
        (MAX_SIDE + 1, 1),
        (1, u32::MAX),
        (10_001, 10_000),
    ] {
        let flaw = Size::new(width, height).unwrap_err().to_string();
        assert!(flaw.contains(&format!("{width} x {height}")), "{flaw}");
    }
}

#[test]
fn a_contradictory_png_is_refused() {
    let text_mode = refusal("rgb.png", &[(4, b"\n\n")]);
    assert!(text_mode.contains("text mode"), "{text_mode}");

    let unsealed = refusal("rgb.png", &[(16, &[0, 0, 0, 32])]);
    assert!(
        unsealed.contains("the checksum of chunk IHDR at byte 8 is wrong"),
        "{unsealed}"
    );

    let data = find(&fixture("rgb.png"), b"IDAT") + 10;
    let broken = refusal("rgb.png", &[(data, &[0xAA; 4])]);
    assert!(broken.contains("the checksum of chunk IDAT"), "{broken}");

    // (offset in IHDR, bytes, message)
    let headers: [(usize, &[u8], &str); 8] = [
        (0, &[0, 0, 0, 0], "0 x 17 pixels"),
        (4, &[0, 0, 0, 0], "31 x 0 pixels"),
        (0, &[0xFF; 4], "the limit of a side is 65535"),
        (
            0,
            &[0, 0, 0x40, 0, 0, 0, 0x40, 0],
            "the limit in total is 100000000",
        ),
        (
            0,
            &[0, 0, 0x20, 0, 0, 0, 0x20, 0],
            "bytes of data are too few",
        ),
        (8, &[3], "3 bits of colour type 2"),
        (9, &[5], "colour type 5"),
        (12, &[7], "IHDR chunk is invalid"),
    ];
    for (offset, patch, expected) in headers {
        let mut bytes = fixture("rgb.png");
        bytes[16 + offset..16 + offset + patch.len()].copy_from_slice(patch);
        seal(&mut bytes, 8);
        let message = inspect(&bytes).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }

    let bytes = fixture("rgb.png");
    let ihdr = &bytes[8..33];
    let rest = &bytes[33..];
    for (parts, expected) in [
        (vec![&bytes[..8], rest], "its first chunk is IDAT, not IHDR"),
        (vec![&bytes[..8], ihdr, ihdr, rest], "two IHDR"),
        (
            vec![&bytes[..8], ihdr, &bytes[bytes.len() - 12..]],
            "no pixels (IDAT)",
        ),
        (vec![&bytes[..bytes.len() - 12]], "before its IEND"),
    ] {
        let message = inspect(&parts.concat()).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }

    // A damaged text chunk is ignored, as decoders do.
    let mut noted = bytes[..33].to_vec();
    noted.extend_from_slice(b"\0\0\0\x04tEXtnote\0\0\0\0");
    noted.extend_from_slice(rest);
    assert!(inspect(&noted).is_ok());
}

#[test]
fn a_contradictory_jpeg_is_refused() {
    let bytes = fixture("baseline.jpg");
    let frame = find(&bytes, &[0xFF, 0xC0]);
    let scan = find(&bytes, &[0xFF, 0xDA]);
    let cases: [(usize, &[u8], &str); 7] = [
        (frame + 5, &[0, 0], "31 x 0 pixels"),
        (frame + 7, &[0, 0], "0 x 17 pixels"),
        (
            frame + 5,
            &[0xFF; 4],
            "65535 x 65535 pixels; the limit in total is 100000000",
        ),
        (frame + 5, &[0x10, 0, 0x10, 0], "4096 x 4096 pixels, but"),
        (frame + 1, &[0xE5], "comes before its frame header"),
        (scan, &[0], "there is no marker at byte"),
        (bytes.len() - 1, &[0xD8], "a second picture begins"),
    ];
    for (place, patch, expected) in cases {
        let message = refusal("baseline.jpg", &[(place, patch)]);
        assert!(message.contains(expected), "{message}");
    }
    let no_pixels = [&bytes[..scan], &[0xFF, 0xD9]].concat();
    let message = inspect(&no_pixels).unwrap_err().to_string();
    assert!(message.contains("no pixels (SOS)"), "{message}");
    let nothing = inspect(&[0xFF, 0xD8, 0xFF, 0xD9]).unwrap_err().to_string();
    assert!(nothing.contains("no frame header (SOF)"), "{nothing}");
    // The end marker of the thumbnail isn't taken for that of the picture.
    let camera = fixture("camera.jpg");
    let cut = &camera[..camera.len() - fixture("1x1.jpg").len() - 7];
    let message = inspect(cut).unwrap_err().to_string();
    assert!(
        message.contains("before its end-of-image marker"),
        "{message}"
    );
}

#[test]
fn a_contradictory_gif_is_refused() {
    let bytes = fixture("1x1.gif");
    let frame = bytes.iter().rposition(|&byte| byte == b',').unwrap();
    let cases: [(usize, &[u8], &str); 7] = [
        (4, b"8", "its version is GIF88a"),
        (6, &[0, 0], "0 x 1 pixels"),
        (6, &[0xFF; 4], "the limit in total is"),
        (frame + 5, &[0, 0], "in the frame at byte"),
        (frame, b"?", "is not a block"),
        (frame, b";", "it has no frame"),
        (frame + 10, &[12], "codes of 12 bits"),
    ];
    for (place, patch, expected) in cases {
        let message = refusal("1x1.gif", &[(place, patch)]);
        assert!(message.contains(expected), "{message}");
    }
    let message = inspect(&bytes[..bytes.len() - 1]).unwrap_err().to_string();
    assert!(message.contains("before its trailer"), "{message}");
}

#[test]
fn a_contradictory_webp_is_refused() {
    let exif = fixture("exif.webp");
    let inner = find(&exif, b"VP8 ");
    let cases: [(&str, usize, &[u8], &str); 9] = [
        ("lossy.webp", 4, &[1, 0, 0, 0], "its header says 9 bytes"),
        ("lossy.webp", 12, b"JUNK", "first chunk is JUNK"),
        ("lossy.webp", 20, &[1], "does not begin with a key frame"),
        ("lossy.webp", 26, &[0, 0], "0 x 17 pixels"),
        ("lossless.webp", 20, &[0], "no signature"),
        ("lossless.webp", 24, &[0xF0], "version 7"),
        ("exif.webp", 24, &[40], "its picture has 31 x 17"),
        ("exif.webp", inner, b"JUNK", "no picture in it"),
        ("animated.webp", 24, &[3], "exceeds the canvas"),
    ];
    for (name, place, patch, expected) in cases {
        let message = refusal(name, &[(place, patch)]);
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn a_contradictory_avif_is_refused() {
    let bytes = fixture("rgb.avif");
    let size = find(&bytes, b"ispe") + 8;
    let cases: [(&[u8], usize, &[u8], &str); 9] = [
        (b"meta", 0, b"free", "no meta box"),
        (b"mdat", 0, b"free", "no mdat box"),
        (b"pitm", 0, b"free", "no primary picture"),
        (
            b"pitm",
            8,
            &[0, 9],
            "where its primary picture's pixels are",
        ),
        (b"iloc", 0, b"free", "where its pixels are (iloc)"),
        (b"iprp", 0, b"free", "does not say its size (iprp)"),
        (b"ispe", 0, b"free", "size (ispe)"),
        (b"av1C", 0, b"free", "(av1C)"),
        (b"pict", 0, b"vide", "does not describe a picture"),
    ];
    for (anchor, offset, patch, expected) in cases {
        let message = refusal("rgb.avif", &[(find(&bytes, anchor) + offset, patch)]);
        assert!(message.contains(expected), "{message}");
    }
    for (patch, expected) in [
        ([0, 0, 0, 0], "0 x 17 pixels"),
        ([0, 1, 0, 0], "65536 x 17 pixels; the limit"),
        ([0xFF; 4], "the limit"),
    ] {
        let message = refusal("rgb.avif", &[(size, &patch)]);
        assert!(message.contains(expected), "{message}");
    }
    // The item's length, the last number of the location box.
    let mdat = find(&bytes, b"mdat");
    let length = (bytes.len() - mdat - 4) as u32;
    let place = find(&bytes, &length.to_be_bytes());
    let message = refusal("rgb.avif", &[(place, &(length + 1).to_be_bytes())]);
    assert!(message.contains("which are not in its data"), "{message}");
}

/// A box with this content.
fn boxed(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let length = (content.len() + 8) as u32;
    [&length.to_be_bytes()[..], kind, content].concat()
}

/// An AVIF file of 64 x 48 pixels whose item 1 has its location from `iloc`, with 4 bytes of
/// data in the meta box.
fn avif(iloc: &[u8], data: &[u8]) -> Vec<u8> {
    let size = [0, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 48];
    let properties = [boxed(b"av1C", &[0x81, 0, 0, 0]), boxed(b"ispe", &size)].concat();
    // Item 1 with two properties: the second, essential, and the first.
    let associations = [0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 2, 0x82, 1];
    let meta = [
        vec![0; 4],
        boxed(b"hdlr", b"\0\0\0\0\0\0\0\0pict\0\0\0\0\0\0\0\0\0\0\0\0\0"),
        boxed(b"pitm", &[0, 0, 0, 0, 0, 1]),
        boxed(b"iloc", iloc),
        boxed(
            b"iprp",
            &[boxed(b"ipco", &properties), boxed(b"ipma", &associations)].concat(),
        ),
        boxed(b"idat", &[0; 4]),
    ];
    [
        boxed(b"ftyp", b"mif1\0\0\0\0avif"),
        boxed(b"meta", &meta.concat()),
        boxed(b"mdat", data),
    ]
    .concat()
}

#[test]
fn avif_locations_of_every_version_are_read() {
    // Version 1, method 1 (in the meta box): item 1 at 1, 3 bytes.
    let inner = |length| {
        [
            1, 0, 0, 0, 0x44, 0, 0, 1, 0, 1, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, length,
        ]
    };
    let size = Size {
        width: 64,
        height: 48,
    };
    let format = Format::Avif;
    assert_eq!(inspect(&avif(&inner(3), b"")), Ok(Image { format, size }));
    assert!(inspect(&avif(&inner(4), b"")).is_err());

    // Version 2, method 0, with base, index and numbers of 8 bytes.
    let wide = |start: u64, length: u64| {
        [
            &[2, 0, 0, 0, 0x88, 0x84, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0][..],
            &start.to_be_bytes(),
            &[0, 1, 0, 0, 0, 0],
            &0_u64.to_be_bytes(),
            &length.to_be_bytes(),
        ]
        .concat()
    };
    let start = find(&avif(&wide(0, 0), b"data"), b"mdat") as u64 + 4;
    assert_eq!(
        inspect(&avif(&wide(start, 4), b"data")),
        Ok(Image { format, size })
    );
    for (start, length) in [
        (start, 5),
        (start - 1, 4),
        (start + 1, 4),
        (0, 4),
        (u64::MAX, u64::MAX),
    ] {
        assert!(
            inspect(&avif(&wide(start, length), b"data")).is_err(),
            "{start} {length}"
        );
    }
}

#[test]
fn an_avif_with_many_items_takes_little_work() {
    // 150,000 items with 65,535 extents each, which take no space.
    let mut locations = vec![2, 0, 0, 0, 0, 0, 0, 2, 0x49, 0xF0];
    for item in 0..150_000_u32 {
        locations.extend_from_slice(&item.to_be_bytes());
        locations.extend_from_slice(&[0, 1, 0, 0, 0xFF, 0xFF]);
    }
    assert!(inspect(&avif(&locations, b"")).is_ok());

    // Many items, and many data boxes to search for them.
    let mut locations = vec![0, 0, 0, 0, 0x40, 0, 0xFF, 0xFF];
    for _ in 0..0xFFFF {
        locations.extend_from_slice(&[0, 1, 0, 0, 0, 1, 0, 0, 0, 0]);
    }
    let mut bytes = avif(&locations, b"");
    let place = bytes.len() as u32;
    for _ in 0..100_000 {
        bytes.extend(boxed(b"mdat", b""));
    }
    let start = find(&bytes, b"iloc") + 4;
    for item in 0..0xFFFF {
        let at = start + 8 + item * 10 + 6;
        bytes[at..at + 4].copy_from_slice(&place.to_be_bytes());
    }
    assert_eq!(inspect(&bytes).unwrap().format, Format::Avif);
}
