//! Files of real encoders (see `tests/fixtures/make.py`): complete, truncated, contradictory and
//! mutated. `tests/chromium` has more, and compares with a browser.

mod avif;
mod gif;
mod jpeg;
mod png;
mod webp;

use super::*;

macro_rules! fixtures {
    ($($name:literal $format:ident $width:literal $height:literal,)*) => {
        const FIXTURES: &[(&str, &[u8], Format, u32, u32)] = &[$((
            $name,
            include_bytes!(concat!("../tests/fixtures/", $name)),
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
    "default.png" Png 20 10,
    "interlaced.png" Png 31 17,
    "icc.png" Png 31 17,
    "1x1.jpg" Jpeg 1 1,
    "baseline.jpg" Jpeg 31 17,
    "progressive.jpg" Jpeg 63 33,
    "arithmetic.jpg" Jpeg 31 17,
    "arithmetic-progressive.jpg" Jpeg 31 17,
    "gray.jpg" Jpeg 31 17,
    "cmyk.jpg" Jpeg 31 17,
    "restart.jpg" Jpeg 63 33,
    "subsampled.jpg" Jpeg 63 33,
    "exif.jpg" Jpeg 31 17,
    "icc.jpg" Jpeg 31 17,
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
    "icc.webp" Webp 31 17,
    "animated.webp" Webp 20 10,
    "1x1.avif" Avif 1 1,
    "rgb.avif" Avif 31 17,
    "alpha.avif" Avif 31 17,
    "exif.avif" Avif 31 17,
    "icc.avif" Avif 31 17,
    "10bit.avif" Avif 128 128,
    "12bit.avif" Avif 128 128,
    "gray.avif" Avif 128 128,
    "grid.avif" Avif 128 128,
    "grid-alpha.avif" Avif 128 128,
    "turned.avif" Avif 128 128,
    "idat.avif" Avif 31 17,
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

/// The size of a picture; the message if it is refused.
fn size(bytes: &[u8]) -> Result<(u32, u32), String> {
    match inspect(bytes) {
        Ok(Image { size, .. }) => Ok((size.width, size.height)),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn files_of_every_encoder_are_accepted() {
    for &(name, bytes, format, width, height) in FIXTURES {
        let size = Size { width, height };
        assert_eq!(inspect(bytes), Ok(Image { format, size }), "{name}");
    }
}

/// How many bytes of a file must be there. The rest is an end marker, or follows the picture.
fn needed(name: &str, bytes: &[u8], format: Format) -> usize {
    let spare = match (name, format) {
        ("camera.jpg", _) => fixture("1x1.jpg").len() + "notes".len() + 2,
        ("progressive.jpg" | "arithmetic.jpg" | "arithmetic-progressive.jpg", _) => 0,
        (_, Format::Jpeg) => 2,
        // The content and checksum of IEND.
        (_, Format::Png) => 4,
        (_, Format::Gif) => 1,
        (_, Format::Webp | Format::Avif) => 0,
    };
    bytes.len() - spare
}

#[test]
fn a_truncated_file_is_refused() {
    for &(name, bytes, format, ..) in FIXTURES {
        let whole = needed(name, bytes, format);
        for length in 0..whole {
            // GIF doesn't say how many frames it has, so one without its last frames is shorter.
            let is_shorter = name == "animated.gif" && length > bytes.len() / 4;
            let verdict = inspect(&bytes[..length]);
            assert!(verdict.is_err() || is_shorter, "{name} cut at {length}");
        }
        for length in whole..=bytes.len() {
            assert!(inspect(&bytes[..length]).is_ok(), "{name} cut at {length}");
        }
        assert!(
            inspect(&bytes[..bytes.len() / 2]).is_err(),
            "{name} cut in half"
        );
    }
}

#[test]
fn bytes_after_the_end_are_ignored() {
    for &(name, bytes, ..) in FIXTURES {
        for more in [&b"a note"[..], &[0; 5000], &[0xFF; 9], bytes] {
            assert!(inspect(&[bytes, more].concat()).is_ok(), "{name}");
        }
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
    let cases: [(&[u8], &str); 11] = [
        (b"hello, this is text", "text, not a picture's bytes"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "text, not"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a HEIC file"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "a HEIC file"),
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
    for (width, height) in [(0, 1), (1, 0)] {
        let refusal = Size::new(width, height).unwrap_err();
        let message = refusal.of(Format::Png).to_string();
        assert!(
            message.contains(&format!("{width} x {height}")),
            "{message}"
        );
        assert!(message.contains("damaged"), "{message}");
    }
    for (width, height) in [(MAX_SIDE + 1, 1), (1, u32::MAX), (10_001, 10_000)] {
        let refusal = Size::new(width, height).unwrap_err();
        assert_eq!(refusal, Refusal::TooLarge { width, height });
        // It is complete: sending the original again wouldn't help.
        let message = refusal.of(Format::Png).to_string();
        assert!(
            message.contains(&format!("{width} x {height}")),
            "{message}"
        );
        assert!(message.ends_with("send a smaller version"), "{message}");
        assert!(!message.contains("damaged"), "{message}");
    }
}
