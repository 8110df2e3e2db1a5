use super::{find, fixture, inspect, refusal, size};

#[test]
fn a_contradictory_file_is_refused() {
    let bytes = fixture("baseline.jpg");
    let frame = find(&bytes, &[0xFF, 0xC0]);
    let scan = find(&bytes, &[0xFF, 0xDA]);
    let cases: [(usize, &[u8], &str); 9] = [
        (frame + 5, &[0, 0], "31 x 0 pixels"),
        (frame + 7, &[0, 0], "0 x 17 pixels"),
        (
            frame + 5,
            &[0xFF; 4],
            "too large: it takes 65535 x 65535 pixels",
        ),
        (frame + 5, &[0x10, 0, 0x10, 0], "4096 x 4096 pixels, but"),
        (frame + 1, &[0xE5], "comes before its frame header"),
        (frame + 12, &[3], "lacks a quantization table"),
        (frame + 11, &[0x44], "18 blocks in a unit"),
        (scan + 5, &[9], "a scan's header (SOS) is invalid"),
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
    let cut = &camera[..camera.len() - fixture("1x1.jpg").len() - 20];
    let message = inspect(cut).unwrap_err().to_string();
    assert!(
        message.contains("before its end-of-image marker"),
        "{message}"
    );
}

#[test]
fn processes_that_browsers_lack_are_named() {
    for (bytes, expected) in [
        (
            &include_bytes!("../../tests/fixtures/lossless.jpg")[..],
            "lossless",
        ),
        (
            include_bytes!("../../tests/fixtures/lossless16.jpg"),
            "lossless",
        ),
        (
            include_bytes!("../../tests/fixtures/12bit.jpg"),
            "than 8 bits",
        ),
    ] {
        let message = size(bytes).unwrap_err();
        assert!(message.contains(expected), "{message}");
        assert!(message.contains("browsers don't show"), "{message}");
        assert!(message.contains("convert it"), "{message}");
        assert!(!message.contains("damaged"), "{message}");
    }
}

#[test]
fn bytes_between_segments_are_skipped() {
    let bytes = fixture("baseline.jpg");
    for place in [
        &[0xFF, 0xDB][..],
        &[0xFF, 0xC0],
        &[0xFF, 0xC4],
        &[0xFF, 0xDA],
    ] {
        let at = find(&bytes, place);
        for stray in [&[0][..], &[0; 9], b"abc", &[0xFF], &[0xFF, 0]] {
            let padded = [&bytes[..at], stray, &bytes[at..]].concat();
            assert_eq!(size(&padded), Ok((31, 17)), "{stray:?} at {at}");
        }
    }
}

/// Without an end marker, nothing but the codes themselves says whether a file is cut.
#[test]
fn the_end_marker_may_be_missing() {
    for name in [
        "baseline.jpg",
        "cmyk.jpg",
        "gray.jpg",
        "restart.jpg",
        "subsampled.jpg",
    ] {
        let bytes = fixture(name);
        let whole = size(&bytes);
        let data = &bytes[..bytes.len() - 2];
        for padding in [&[][..], &[0], &[0xFF], &[0; 9000], &[b'\n'; 100]] {
            let padded = [data, padding].concat();
            assert_eq!(size(&padded), whole, "{name} and {} bytes", padding.len());
            for missing in [20, data.len() / 5] {
                let padded = [&data[..data.len() - missing], padding].concat();
                assert!(inspect(&padded).is_err(), "{name} without {missing} bytes");
            }
        }
    }
}
