use super::{
    Format, Image, Mirror, Size, Transformation, avif_transformation, find, fixture, inspect,
    refusal, size,
};

#[test]
fn a_contradictory_file_is_refused() {
    let bytes = fixture("rgb.avif");
    let cases: [(&[u8], usize, &[u8], &str); 12] = [
        (b"meta", 0, b"free", "no meta box"),
        (b"pitm", 0, b"free", "no primary picture"),
        (b"pitm", 8, &[0, 9], "what item 9 is (iinf)"),
        (b"iloc", 0, b"free", "where its pixels are (iloc)"),
        (b"iprp", 0, b"free", "does not say its size (iprp)"),
        (b"ispe", 0, b"free", "size of item 1 (ispe)"),
        (b"ispe", 8, &[0; 4], "0 x 17 pixels"),
        (
            b"ispe",
            8,
            &[0, 1, 0, 0],
            "too large: it takes 65536 x 17 pixels",
        ),
        (b"av1C", 0, b"free", "essential property"),
        (b"av1C", 4, &[0x80], "(av1C) is invalid"),
        (b"pixi", 9, &[10], "two depths (av1C, pixi)"),
        (b"pict", 0, b"vide", "does not describe a picture"),
    ];
    for (anchor, offset, patch, expected) in cases {
        let message = refusal("rgb.avif", &[(find(&bytes, anchor) + offset, patch)]);
        assert!(message.contains(expected), "{message}");
    }
    // The item's length, the last number of the location box.
    let mdat = find(&bytes, b"mdat");
    let length = (bytes.len() - mdat - 4) as u32;
    let place = find(&bytes, &length.to_be_bytes());
    let message = refusal("rgb.avif", &[(place, &(length + 1).to_be_bytes())]);
    assert!(message.contains("beyond the end at byte 455"), "{message}");
}

#[test]
fn other_kinds_of_items_are_named() {
    let place = find(&fixture("rgb.avif"), b"av01");
    for (kind, expected) in [(b"hvc1", "a HEIC file"), (b"jpeg", "browsers don't show")] {
        let message = refusal("rgb.avif", &[(place, kind)]);
        assert!(message.contains(expected), "{message}");
        assert!(!message.contains("damaged"), "{message}");
    }
}

#[test]
fn an_animation_must_have_all_its_samples() {
    let bytes = fixture("animated.avif");
    assert!(inspect(&bytes[..bytes.len() - 1]).is_err());
    let cases: [(&[u8], usize, &[u8], &str); 8] = [
        (b"moov", 0, b"free", "no moov box"),
        (b"trak", 0, b"free", "no track"),
        (b"tkhd", 0, b"free", "no tkhd box"),
        (b"stco", 0, b"free", "no stco box"),
        (b"stsz", 12, &[0, 0, 0, 9], "says 9 entries"),
        (b"stsz", 16, &[0; 4], "an empty sample"),
        (b"stsc", 16, &[0xFF; 4], "fewer samples"),
        (b"stco", 12, &[0xFF; 4], "beyond the end"),
    ];
    for (anchor, offset, patch, expected) in cases {
        let message = refusal("animated.avif", &[(find(&bytes, anchor) + offset, patch)]);
        assert!(message.contains(expected), "{message}");
    }
    // An animation that is a still picture first: its samples don't matter.
    let still = [&bytes[..8], b"avif", &bytes[12..bytes.len() - 1]].concat();
    assert_eq!(size(&still), Ok((20, 10)));
}

#[test]
fn a_grid_must_have_all_its_tiles() {
    let bytes = fixture("grid.avif");
    // Version, flags, rows - 1, columns - 1, width, height.
    let grid = find(&bytes, &[0, 0, 1, 1, 0, 128, 0, 128]);
    let tiles = find(&bytes, b"dimg") + 4;
    for (place, patch, expected) in [
        (grid, &[1][..], "is invalid"),
        (grid + 2, &[2], "has 4 tiles of 6"),
        (grid + 2, &[0xFF, 0xFF], "has 4 tiles of 65536"),
        (grid + 4, &[0, 129], "is invalid"),
        (tiles + 10, &[0, 4], "has 4 tiles of 4"),
        (tiles + 10, &[0, 9], "what item 9 is"),
        (tiles + 10, &[0, 1], "not coded as AV1"),
    ] {
        let message = refusal("grid.avif", &[(place, patch)]);
        assert!(message.contains(expected), "{message}");
    }
}

/// A box with this content.
fn boxed(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let length = (content.len() + 8) as u32;
    [&length.to_be_bytes()[..], kind, content].concat()
}

/// AV1 data that only has the header of a sequence of this size.
fn av1(width: u32, height: u32) -> Vec<u8> {
    // Profile 0, a still picture, a reduced header, level 0; then the sizes' bits and the sizes.
    let fields = [
        (0, 3),
        (1, 1),
        (1, 1),
        (0, 5),
        (15, 4),
        (15, 4),
        (width - 1, 16),
        (height - 1, 16),
    ];
    let bits = fields
        .iter()
        .flat_map(|&(field, bits)| (0..bits).rev().map(move |bit| field >> bit & 1));
    let bits: Vec<_> = bits.chain([0; 6]).collect();
    let body: Vec<_> = bits
        .chunks(8)
        .map(|bits| bits.iter().fold(0, |byte, &bit| byte << 1 | bit as u8))
        .collect();
    [&[0x0A, body.len() as u8][..], &body].concat()
}

/// A file of 64 x 48 pixels whose item 1 has its location from `iloc`, with `inner` in the meta box
/// and `data` after it.
fn avif(iloc: &[u8], inner: &[u8], data: &[u8]) -> Vec<u8> {
    let size = [0, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 48];
    let properties = [boxed(b"av1C", &[0x81, 0, 0, 0]), boxed(b"ispe", &size)].concat();
    // Item 1 with two properties: the second, essential, and the first.
    let associations = [0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 2, 0x82, 1];
    let item = boxed(b"infe", b"\x02\0\0\0\0\x01\0\0av01\0");
    let meta = [
        vec![0; 4],
        boxed(b"hdlr", b"\0\0\0\0\0\0\0\0pict\0\0\0\0\0\0\0\0\0\0\0\0\0"),
        boxed(b"pitm", &[0, 0, 0, 0, 0, 1]),
        boxed(b"iloc", iloc),
        boxed(b"iinf", &[&[0, 0, 0, 0, 0, 1], &item[..]].concat()),
        boxed(
            b"iprp",
            &[boxed(b"ipco", &properties), boxed(b"ipma", &associations)].concat(),
        ),
        boxed(b"idat", inner),
    ];
    [
        boxed(b"ftyp", b"mif1\0\0\0\0avif"),
        boxed(b"meta", &meta.concat()),
        boxed(b"mdat", data),
    ]
    .concat()
}

/// A location in the meta box: version 1, method 1, item 1 from 0.
fn inner(length: usize) -> Vec<u8> {
    [
        1,
        0,
        0,
        0,
        0x44,
        0,
        0,
        1,
        0,
        1,
        0,
        1,
        0,
        0,
        0,
        1,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        length as u8,
    ]
    .to_vec()
}

#[test]
fn locations_of_every_version_are_read() {
    let data = av1(64, 48);
    let length = data.len() as u64;
    assert_eq!(size(&avif(&inner(data.len()), &data, b"")), Ok((64, 48)));
    assert!(inspect(&avif(&inner(data.len() + 1), &data, b"")).is_err());

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
    let start = find(&avif(&wide(0, 0), b"", &data), b"mdat") as u64 + 4;
    let size = Size {
        width: 64,
        height: 48,
    };
    let format = Format::Avif;
    let placed = |start, length| inspect(&avif(&wide(start, length), b"", &data));
    assert_eq!(placed(start, length), Ok(Image { format, size }));
    for (start, length) in [
        (start, length + 1),
        (start - 1, length),
        (start + 1, length),
        (0, length),
        (start, 0),
        (u64::MAX, u64::MAX),
    ] {
        assert!(placed(start, length).is_err(), "{start} {length}");
    }
}

/// The container says 64 x 48, but a decoder would allocate more.
#[test]
fn the_coded_size_has_limits() {
    for (width, height, is_accepted) in [
        (64, 48, true),
        (10_000, 10_000, true),
        (10_001, 10_000, false),
        (65_536, 1, false),
    ] {
        let data = av1(width, height);
        let verdict = size(&avif(&inner(data.len()), &data, b""));
        match verdict {
            Ok(size) => assert!(is_accepted && size == (64, 48), "{width} x {height}"),
            Err(message) => {
                let expected = format!("too large: it takes {width} x {height} pixels");
                assert!(!is_accepted && message.contains(&expected), "{message}");
            }
        }
    }
    let message = size(&avif(&inner(3), &[0x12, 0, 0], b"")).unwrap_err();
    assert!(message.contains("sequence header"), "{message}");
}

/// The sizes of a track and of an item's tiles are limited as well.
#[test]
fn every_stated_size_has_limits() {
    let far = [0x4E, 0x20]; // 20,000
    let animated = fixture("animated.avif");
    let track = find(&animated, &[0, 20, 0, 0, 0, 10, 0, 0]);
    let grid = fixture("grid.avif");
    let tile = find(&grid, &[0, 0, 0, 64, 0, 0, 0, 64]);
    for (name, places) in [
        ("animated.avif", [track, track + 4]),
        ("grid.avif", [tile + 2, tile + 6]),
    ] {
        let message = refusal(name, &places.map(|place| (place, &far[..])));
        assert!(
            message.contains("too large: it takes 20000 x 20000"),
            "{message}"
        );
    }
}

#[test]
fn many_items_take_little_work() {
    // 150,000 items with 65,535 extents each, which take no space.
    let mut locations = vec![2, 0, 0, 0, 0, 0, 0, 2, 0x49, 0xF0];
    for item in 2..150_002_u32 {
        locations.extend_from_slice(&item.to_be_bytes());
        locations.extend_from_slice(&[0, 1, 0, 0, 0xFF, 0xFF]);
    }
    let message = size(&avif(&locations, b"", b"")).unwrap_err();
    assert!(message.contains("where its item 1 is"), "{message}");

    // Many extents of the whole file each.
    let mut locations = vec![1, 0, 0, 0, 0x44, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0xFF, 0xFF];
    for _ in 0..0xFFFF {
        locations.extend_from_slice(&[0, 0, 0, 0, 0, 8, 0, 0]);
    }
    let message = size(&avif(&locations, b"", b"")).unwrap_err();
    assert!(message.contains("sequence header"), "{message}");
}

#[test]
fn transformations_are_those_of_the_primary_picture() {
    // Made by avifenc with --irot 1 --imir 0.
    let turned = include_bytes!("../../tests/fixtures/turned.avif");
    let expected = Transformation {
        quarter_turns: 1,
        mirror: Some(Mirror::Vertical),
    };
    assert_eq!(avif_transformation(turned), expected);
    // EXIF's orientation doesn't count.
    let plain = include_bytes!("../../tests/fixtures/rgb.avif");
    assert_eq!(avif_transformation(plain), Transformation::default());
    assert_eq!(avif_transformation(b"no file"), Transformation::default());
}
