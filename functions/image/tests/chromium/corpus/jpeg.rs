//! JPEG: segments that are missing, doubled, in another order or with bytes between them, and files
//! without an end marker.

use anyhow::Result;

use super::{Cases, fixture, pieces::jpeg};

const START: &[u8] = &[0xFF, 0xD8];
const END: &[u8] = &[0xFF, 0xD9];

pub(super) fn add(cases: &mut Cases) -> Result<()> {
    segments(cases)?;
    headers(cases)?;
    scans(cases)?;
    ends(cases)
}

/// A file of segments.
fn file(segments: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let segments = segments.iter().map(|segment| segment.1.as_slice());
    [START]
        .into_iter()
        .chain(segments)
        .collect::<Vec<_>>()
        .concat()
}

fn segments(cases: &mut Cases) -> Result<()> {
    let whole = jpeg(&fixture("baseline.jpg")?);
    let between: [(&str, &[u8]); 27] = [
        ("a zero", b"\0"),
        ("text", b"abc"),
        ("fill bytes", b"\xFF\xFF"),
        ("stuffed zeros", b"\xFF\0\xFF\0"),
        ("zeros", &[0; 50]),
        ("a start", START),
        ("an end", END),
        ("TEM", b"\xFF\x01"),
        ("a restart", b"\xFF\xD0"),
        ("02", b"\xFF\x02"),
        ("BF", b"\xFF\xBF\0\x04ab"),
        ("JPG0", b"\xFF\xF0\0\x04ab"),
        ("JPG13", b"\xFF\xFD\0\x04ab"),
        ("JPG", b"\xFF\xC8\0\x04ab"),
        ("DNL", b"\xFF\xDC\0\x04\0\x11"),
        ("DAC", b"\xFF\xCC\0\x04\0\x11"),
        ("DHP", b"\xFF\xDE\0\x03a"),
        ("EXP", b"\xFF\xDF\0\x03a"),
        ("DRI", b"\xFF\xDD\0\x04\0\0"),
        ("a short DRI", b"\xFF\xDD\0\x03\0"),
        ("a comment", b"\xFF\xFE\0\x04ab"),
        ("an empty APP5", b"\xFF\xE5\0\x02"),
        ("an APP5 of length 1", b"\xFF\xE5\0\x01"),
        ("an APP5 of length 0", b"\xFF\xE5\0\0"),
        ("an empty DQT", b"\xFF\xDB\0\x02"),
        ("an empty DHT", b"\xFF\xC4\0\x02"),
        ("a truncated DHT", b"\xFF\xC4\0\x05\0\x01\x01"),
    ];
    for place in 0..whole.len() {
        let name = format!("segment {place} ({:02X})", whole[place].0);
        for (what, junk) in between {
            let mut segments = whole.clone();
            segments.insert(place, (0, junk.to_vec()));
            cases.add(format!("{what} before {name}"), file(&segments));
        }
        let mut segments = whole.clone();
        segments.remove(place);
        cases.add(format!("without {name}"), file(&segments));
        if place + 1 < whole.len() {
            segments.clone_from(&whole);
            segments.insert(place, whole[place].clone());
            cases.add(format!("twice {name}"), file(&segments));
            segments.clone_from(&whole);
            segments.swap(place, place + 1);
            cases.add(format!("{name} and the next swapped"), file(&segments));
        }
    }
    // Ultra HDR: the gain map is a second picture, after the first.
    let (hdr, gray) = (fixture("baseline.jpg")?, fixture("gray.jpg")?);
    cases.add("two pictures (Ultra HDR)", [&hdr[..], &gray].concat());
    cases.add(
        "two pictures, the second cut",
        [&hdr[..], &gray[..100]].concat(),
    );
    let short = [&hdr[..hdr.len() - 2], &gray].concat();
    cases.add("two pictures, the first without an end", short);
    Ok(())
}

fn headers(cases: &mut Cases) -> Result<()> {
    let whole = jpeg(&fixture("baseline.jpg")?);
    let frame = whole
        .iter()
        .position(|segment| segment.0 == 0xC0)
        .unwrap_or_default();
    let mut add = |name: String, at: usize, bytes: &[u8]| {
        let mut segments = whole.clone();
        segments[frame].1[at..at + bytes.len()].copy_from_slice(bytes);
        cases.add(name, file(&segments));
    };
    for marker in 0xC0..=0xCF {
        add(format!("SOF {marker:02X}"), 1, &[marker]);
    }
    for bits in [0, 1, 2, 7, 8, 9, 12, 16] {
        add(format!("samples of {bits} bits"), 4, &[bits]);
    }
    add("no height".to_owned(), 5, &[0, 0]);
    add("no width".to_owned(), 7, &[0, 0]);
    add("8 x 8".to_owned(), 5, &[0, 8, 0, 8]);
    add("64 x 64".to_owned(), 5, &[0, 64, 0, 64]);
    for count in [0, 1, 2, 4, 5] {
        add(format!("{count} components"), 9, &[count]);
    }
    for sampling in [
        0x00, 0x01, 0x10, 0x12, 0x21, 0x22, 0x13, 0x31, 0x41, 0x14, 0x42, 0x24, 0x44,
    ] {
        add(format!("sampling {sampling:02x}"), 11, &[sampling]);
    }
    for sampling in [0x05, 0x15, 0x51, 0xF1] {
        add(format!("sampling {sampling:02x}"), 11, &[sampling]);
    }
    for table in [1, 2, 3, 4, 255] {
        add(format!("quantization table {table}"), 12, &[table]);
    }
    add("equal ids".to_owned(), 13, &[1]);
    // One, two and four components, with all of them in the scan.
    for count in [1_u8, 2, 4, 5] {
        let mut segments = whole.clone();
        let mut body = vec![8, 0, 17, 0, 31, count];
        body.extend((1..=count).flat_map(|id| [id, 0x11, 0]));
        let length = (body.len() as u16 + 2).to_be_bytes();
        segments[frame].1 = [&[0xFF, 0xC0][..], &length, &body].concat();
        let mut scan = vec![count];
        scan.extend((1..=count).flat_map(|id| [id, 0]));
        scan.extend([0, 63, 0]);
        let length = (scan.len() as u16 + 2).to_be_bytes();
        if let Some(last) = segments.last_mut() {
            last.1 = [&[0xFF, 0xDA][..], &length, &scan, &last.1[14..]].concat();
        }
        cases.add(format!("{count} components in the scan"), file(&segments));
    }
    Ok(())
}

fn scans(cases: &mut Cases) -> Result<()> {
    let whole = fixture("baseline.jpg")?;
    let scan = whole
        .windows(2)
        .position(|pair| pair == [0xFF, 0xDA])
        .unwrap_or_default();
    let mut add = |name: &str, at: usize, bytes: &[u8]| {
        let mut changed = whole.clone();
        changed[scan + at..scan + at + bytes.len()].copy_from_slice(bytes);
        cases.add(name, changed);
    };
    for count in [0, 1, 2, 4, 5] {
        add(&format!("scan of {count} components"), 4, &[count]);
    }
    add("scan of an unknown component", 5, &[0x77]);
    add("scan of a component twice", 7, &[1]);
    add("scan with tables 3", 6, &[0x33]);
    add("scan with tables 1", 6, &[0x11]);
    add("scan with tables 4", 6, &[0x44]);
    add("scan from 1", 11, &[1]);
    add("scan up to 5", 12, &[5]);
    add("scan with bits", 13, &[0x21]);
    add("scan with a length too long", 2, &[0, 13]);
    add("scan with a length too short", 2, &[0, 11]);
    let end = whole.len() - 2;
    let mut insert = |name: &str, at: usize, bytes: &[u8]| {
        cases.add(name, [&whole[..at], bytes, &whole[at..]].concat());
    };
    for (place, name) in [(end, "after the scan"), (end - 60, "in the scan")] {
        for (what, bytes) in [
            ("a restart", &b"\xFF\xD0"[..]),
            ("fill bytes", b"\xFF\xFF\xFF"),
            ("02", b"\xFF\x02"),
            ("a start", START),
            ("an end", END),
            ("an empty DHT", b"\xFF\xC4\0\x02"),
            ("an empty APP0", b"\xFF\xE0\0\x02"),
            ("a comment", b"\xFF\xFE\0\x04ab"),
            ("a long comment", b"\xFF\xFE\x7F\x04ab"),
        ] {
            insert(&format!("{what} {name}"), place, bytes);
        }
    }
    insert("text after the scan", end, b"abc");
    insert("the scan twice", end, &whole[scan..end]);

    // A progressive file has ten scans, and may lack some: it's less sharp then.
    let whole = fixture("progressive.jpg")?;
    let places: Vec<_> = (0..whole.len() - 1)
        .filter(|&at| whole[at..at + 2] == [0xFF, 0xDA])
        .collect();
    for (scans, &place) in places.iter().enumerate().skip(1) {
        cases.add(
            format!("{scans} progressive scans"),
            [&whole[..place], END].concat(),
        );
    }
    for (at, value) in [
        (4, 0),
        (4, 4),
        (5, 9),
        (7, 1),
        (11, 64),
        (12, 64),
        (12, 0),
        (13, 0x31),
    ] {
        for (scan, &place) in places.iter().enumerate() {
            let mut changed = whole.clone();
            let at = place + at;
            if changed[at] != value {
                changed[at] = value;
                cases.add(
                    format!("progressive scan {scan} with {value} at {at}"),
                    changed,
                );
            }
        }
    }
    Ok(())
}

/// Without the end marker, the whole picture may be there or not.
fn ends(cases: &mut Cases) -> Result<()> {
    for name in [
        "baseline.jpg",
        "cmyk.jpg",
        "gray.jpg",
        "restart.jpg",
        "subsampled.jpg",
        "progressive.jpg",
        "arithmetic.jpg",
    ] {
        let whole = fixture(name)?;
        let scan = whole
            .windows(2)
            .rposition(|pair| pair == [0xFF, 0xDA])
            .unwrap_or_default();
        let data = scan + 14..whole.len() - 2;
        for (share, part) in [("all", 100), ("9/10", 90), ("half", 50), ("a tenth", 10)] {
            let until = data.start + data.len() * part / 100;
            for (what, more) in [
                ("nothing", &b""[..]),
                ("a zero", &[0]),
                ("zeros", &[0; 40]),
                ("many zeros", &[0; 9000]),
                (
                    "text",
                    b"a note after the picture, which is not a part of it",
                ),
                ("line feeds", &[b'\n'; 40]),
            ] {
                let name = format!("{name}: {share} of its last scan, then {what}");
                cases.add_damaged(name, [&whole[..until], more].concat(), &whole);
            }
        }
        let half_end = [&whole[..data.start + data.len() / 2], END].concat();
        cases.add(
            format!("{name}: half of its last scan, then an end"),
            half_end,
        );
        cases.add(
            format!("{name}: no data, then an end"),
            [&whole[..data.start], END].concat(),
        );
    }
    Ok(())
}
