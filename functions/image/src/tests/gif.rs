use super::{fixture, inspect, refusal, size};

/// A file of one or more frames, each a position and a size with its pixels of the first colour.
fn gif(screen: (u16, u16), frames: &[[u16; 4]]) -> Vec<u8> {
    let (width, height) = (screen.0.to_le_bytes(), screen.1.to_le_bytes());
    let mut bytes = [b"GIF89a", &width[..], &height, &[0x80, 0, 0], &[7; 6]].concat();
    for place in frames {
        bytes.push(b',');
        bytes.extend(place.iter().flat_map(|number| number.to_le_bytes()));
        bytes.extend([0, 2]);
        bytes.extend(data(usize::from(place[2]) * usize::from(place[3])));
    }
    bytes.push(b';');
    bytes
}

/// The data of some pixels, with codes of three bits: each pixel after a code that clears the table.
fn data(pixels: usize) -> Vec<u8> {
    let codes = [4_u8, 0].repeat(pixels).into_iter().chain([5]);
    let bits: Vec<_> = codes
        .flat_map(|code| [0, 1, 2].map(|bit| code >> bit & 1))
        .collect();
    let bytes: Vec<_> = bits
        .chunks(8)
        .map(|bits| bits.iter().rev().fold(0, |byte, bit| byte << 1 | bit))
        .collect();
    let blocks = bytes
        .chunks(255)
        .flat_map(|block| [&[block.len() as u8], block].concat());
    blocks.chain([0]).collect()
}

#[test]
fn a_contradictory_file_is_refused() {
    let bytes = fixture("1x1.gif");
    let frame = bytes.iter().rposition(|&byte| byte == b',').unwrap();
    let cases: [(usize, &[u8], &str); 6] = [
        (4, b"8", "its version is GIF88a"),
        (6, &[0xFF; 4], "too large: it takes 65535 x 65535 pixels"),
        (frame, b"?", "is not a block"),
        (frame, b";", "it has no frame"),
        (frame + 5, &[9, 0], "lacks pixels"),
        (frame + 10, &[12], "codes of 12 bits"),
    ];
    for (place, patch, expected) in cases {
        let message = refusal("1x1.gif", &[(place, patch)]);
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn the_screen_is_enlarged_for_the_first_frame() {
    for (screen, frames, expected) in [
        ((5, 5), vec![[0, 0, 31, 17]], (31, 17)),
        ((5, 5), vec![[3, 4, 4, 4]], (7, 8)),
        ((0, 0), vec![[0, 0, 4, 4]], (4, 4)),
        ((0, 9), vec![[0, 0, 4, 4]], (4, 9)),
        ((5, 5), vec![[0, 0, 0, 0]], (5, 5)),
        // Later frames are cropped.
        ((5, 5), vec![[0, 0, 2, 2], [0, 0, 9, 9]], (5, 5)),
        ((5, 5), vec![[0, 0, 2, 2], [20_000, 20_000, 2, 2]], (5, 5)),
    ] {
        assert_eq!(
            size(&gif(screen, &frames)),
            Ok(expected),
            "{screen:?} {frames:?}"
        );
    }
    for frames in [[[0, 0, 0, 0]], [[0, 0, 0, 9]]] {
        let message = size(&gif((0, 0), &frames)).unwrap_err();
        assert!(message.contains("pixels"), "{message}");
    }
}

/// It says 1 x 1, but takes 20,001 x 20,001 pixels to show.
#[test]
fn a_small_frame_far_away_is_too_large() {
    let bomb = gif((1, 1), &[[20_000, 20_000, 1, 1]]);
    let message = size(&bomb).unwrap_err();
    let expected = "the GIF file is too large: it takes 20001 x 20001 pixels to show";
    assert!(message.starts_with(expected), "{message}");
    assert!(!message.contains("original"), "{message}");
}

#[test]
fn frames_must_have_all_pixels() {
    let whole = gif((4, 4), &[[0, 0, 4, 4], [0, 0, 4, 4]]);
    assert_eq!(size(&whole), Ok((4, 4)));
    for frame in [0, 1] {
        let mut fewer = whole.clone();
        let places = whole.iter().enumerate().filter(|(_, byte)| **byte == b',');
        let (place, _) = places.take(frame + 1).last().unwrap();
        fewer[place + 7] += 1;
        let message = size(&fewer).unwrap_err();
        assert!(message.contains("lacks pixels"), "{message}");
    }
}

#[test]
fn a_file_may_end_after_any_frame() {
    let whole = gif((4, 4), &[[0, 0, 4, 4]]);
    let bare = &whole[..whole.len() - 1];
    for more in [&b""[..], b"\0", b"?", b"!\xFE\x09cut", b",\0\0", b"!"] {
        assert_eq!(size(&[bare, more].concat()), Ok((4, 4)), "{more:?}");
    }
    // But not in the middle of one.
    for more in [
        &b",\0\0\0\0\x01\0\x01\0"[..],
        b",\0\0\0\0\x01\0\x01\0\0\x02\x02",
    ] {
        assert!(inspect(&[bare, more].concat()).is_err(), "{more:?}");
    }
}

/// Blocks after an invalid code are skipped (found by fuzzing).
#[test]
fn data_after_an_invalid_code_is_skipped() {
    let mut bytes = gif((4, 4), &[[0, 0, 4, 4]]);
    bytes.pop();
    bytes.extend(b",\0\0\0\0\x01\0\x01\0\0\x02");
    for _ in 0..9 {
        bytes.extend(b"\x02\xFF\xFF");
    }
    bytes.push(0);
    let message = size(&bytes).unwrap_err();
    assert!(message.contains("lacks pixels"), "{message}");
}
