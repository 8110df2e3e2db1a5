use super::{find, fixture, inspect, refusal, size};

/// Corrects the checksum of the chunk whose length is at `place`.
fn seal(png: &mut [u8], place: usize) {
    let length = u32::from_be_bytes(png[place..place + 4].try_into().unwrap()) as usize;
    let end = place + 8 + length;
    let sum = crc32fast::hash(&png[place + 4..end]);
    png[end..end + 4].copy_from_slice(&sum.to_be_bytes());
}

#[test]
fn a_contradictory_file_is_refused() {
    let text_mode = refusal("rgb.png", &[(4, b"\n\n")]);
    assert!(text_mode.contains("text mode"), "{text_mode}");

    let unsealed = refusal("rgb.png", &[(16, &[0, 0, 0, 32])]);
    let expected = "the checksum of chunk IHDR at byte 8 is wrong";
    assert!(unsealed.contains(expected), "{unsealed}");

    let data = find(&fixture("rgb.png"), b"IDAT") + 10;
    let broken = refusal("rgb.png", &[(data, &[0xAA; 4])]);
    assert!(broken.contains("the checksum of chunk IDAT"), "{broken}");

    // (offset in IHDR, bytes, message)
    let headers: [(usize, &[u8], &str); 8] = [
        (0, &[0, 0, 0, 0], "0 x 17 pixels"),
        (4, &[0, 0, 0, 0], "31 x 0 pixels"),
        (0, &[0xFF; 4], "too large: it takes 4294967295 x 17 pixels"),
        (
            0,
            &[0, 0, 0x40, 0, 0, 0, 0x40, 0],
            "too large: it takes 16384 x 16384 pixels to show, and the limit is 100000000",
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
fn a_wrong_checksum_of_the_end_is_no_fault() {
    let mut bytes = fixture("rgb.png");
    *bytes.last_mut().unwrap() ^= 1;
    assert_eq!(size(&bytes), Ok((31, 17)));
}

#[test]
fn apples_variant_is_named() {
    let bytes = fixture("rgb.png");
    let apple = b"\0\0\0\x04CgBI\x50\0\x20\x02\x2B\xD5\xB3\x7F";
    let bytes = [&bytes[..8], apple, &bytes[8..]].concat();
    let message = inspect(&bytes).unwrap_err().to_string();
    assert!(message.contains("CgBI"), "{message}");
    assert!(!message.contains("damaged"), "{message}");
    assert!(!message.contains("original"), "{message}");
}

#[test]
fn a_frame_apart_from_the_picture_must_be_within_it() {
    let bytes = fixture("default.png");
    let control = find(&bytes, b"fcTL") - 4;
    assert_eq!(size(&bytes), Ok((20, 10)));
    for (offset, value) in [(4, 21_u32), (4, u32::MAX), (12, 20_000), (4, 0), (0, 1)] {
        let mut changed = bytes.clone();
        let at = control + 8 + offset;
        changed[at..at + 4].copy_from_slice(&value.to_be_bytes());
        seal(&mut changed, control);
        let message = size(&changed).unwrap_err();
        assert!(message.contains("first frame"), "{message}");
    }
}
