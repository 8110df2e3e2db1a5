use super::{find, fixture, inspect, refusal, size};

#[test]
fn a_contradictory_file_is_refused() {
    let exif = fixture("exif.webp");
    let inner = find(&exif, b"VP8 ");
    let cases: [(&str, usize, &[u8], &str); 12] = [
        (
            "lossy.webp",
            4,
            &[0xFF, 0, 0, 0],
            "its header says 263 bytes",
        ),
        ("lossy.webp", 12, b"JUNK", "first chunk is JUNK"),
        ("lossy.webp", 20, &[1], "does not begin with a key frame"),
        ("lossy.webp", 26, &[0, 0], "0 x 17 pixels"),
        ("lossless.webp", 20, &[0], "no signature"),
        ("lossless.webp", 24, &[0xF0], "version 7"),
        ("exif.webp", 20, &[0x80], "reserved flags"),
        ("exif.webp", 24, &[40], "its picture has 31 x 17"),
        ("exif.webp", inner, b"JUNK", "no picture in it"),
        ("animated.webp", 24, &[3], "exceeds the canvas"),
        (
            "animated.webp",
            24,
            &[0xFF; 6],
            "too large: it takes 16777216 x 16777216",
        ),
        ("animated.webp", 20, &[0], "its ANIM chunk is invalid"),
    ];
    for (name, place, patch, expected) in cases {
        let message = refusal(name, &[(place, patch)]);
        assert!(message.contains(expected), "{message}");
    }
}

/// A chunk, padded.
fn chunk(kind: &[u8], body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u32).to_le_bytes();
    [kind, &length, body, &[0][..body.len() % 2]].concat()
}

/// A file of chunks.
fn file(chunks: &[&[u8]]) -> Vec<u8> {
    let chunks = chunks.concat();
    let length = (chunks.len() as u32 + 4).to_le_bytes();
    [b"RIFF", &length[..], b"WEBP", &chunks].concat()
}

#[test]
fn the_last_chunk_must_be_padded() {
    let exif = fixture("exif.webp");
    let odd = chunk(b"EXIF", b"abc");
    let head = &exif[12..find(&exif, b"EXIF")];
    assert!(inspect(&file(&[head, &odd])).is_ok());
    let message = size(&file(&[head, &odd[..odd.len() - 1]])).unwrap_err();
    assert!(message.contains("padding"), "{message}");
}

#[test]
fn chunks_must_be_in_order() {
    let bytes = fixture("alpha.webp");
    let (alpha, picture) = (find(&bytes, b"ALPH"), find(&bytes, b"VP8 "));
    let (head, alpha, picture) = (&bytes[12..alpha], &bytes[alpha..picture], &bytes[picture..]);
    let unknown = chunk(b"JUNK", b"abcd");
    assert!(inspect(&file(&[head, &unknown, alpha, picture, &unknown])).is_ok());
    for (chunks, expected) in [
        (
            vec![head, alpha, &unknown, picture],
            "followed by chunk JUNK",
        ),
        (vec![head, alpha, picture, picture], "a second picture"),
        (vec![head, alpha], "extends beyond"),
    ] {
        let message = size(&file(&chunks)).unwrap_err();
        assert!(message.contains(expected), "{message}");
    }

    let bytes = fixture("animated.webp");
    let frame = find(&bytes, b"ANMF");
    let length = u32::from_le_bytes(bytes[frame + 4..frame + 8].try_into().unwrap()) as usize;
    let (place, picture) = bytes[frame + 8..frame + 8 + length].split_at(16);
    let head = &bytes[12..frame];
    let with = |picture: &[u8]| {
        let frame = chunk(b"ANMF", &[place, picture].concat());
        size(&file(&[head, &frame]))
    };
    assert_eq!(with(picture), Ok((20, 10)));
    assert_eq!(with(&[picture, &unknown].concat()), Ok((20, 10)));
    let message = with(&[&unknown, picture].concat()).unwrap_err();
    assert!(message.contains("begins with chunk JUNK"), "{message}");
    let message = with(&[picture, picture].concat()).unwrap_err();
    assert!(message.contains("two pictures"), "{message}");
}
