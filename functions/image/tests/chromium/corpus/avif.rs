//! AVIF: boxes and properties that are missing, doubled or contradict each other, data in the meta
//! box, grids and animations.

use anyhow::Result;

use super::{
    Cases, fixture,
    pieces::{Piece, boxed, boxes, content},
};

pub(super) fn add(cases: &mut Cases) -> Result<()> {
    let parts = Parts::read("rgb.avif")?;
    layouts(cases, &parts);
    brands(cases, &parts);
    properties(cases, &parts);
    locations(cases, &parts);
    grids(cases)?;
    animations(cases)
}

/// A file with one item, taken apart.
struct Parts {
    brands: Vec<u8>,
    meta: Vec<Piece>,
    properties: Vec<Piece>,
    associations: Vec<u8>,
    data: Vec<u8>,
}

impl Parts {
    fn read(name: &str) -> Result<Self> {
        let file = boxes(&fixture(name)?);
        let meta = boxes(&content(&file, b"meta")[4..]);
        let properties = boxes(content(&meta, b"iprp"));
        Ok(Self {
            brands: content(&file, b"ftyp").to_vec(),
            properties: boxes(content(&properties, b"ipco")),
            associations: content(&properties, b"ipma").to_vec(),
            data: content(&file, b"mdat").to_vec(),
            meta,
        })
    }

    /// The boxes before the data. Its place is known when their length is.
    fn begin(&self, location: &dyn Fn(u32) -> Vec<u8>, inner: &[u8]) -> Vec<u8> {
        let make = |place| {
            let mut meta = vec![0; 4];
            for (kind, body) in &self.meta {
                meta.extend(match kind.as_slice() {
                    b"iloc" => boxed(kind, &location(place)),
                    b"iprp" => {
                        let own = self.properties.iter().map(|own| boxed(&own.0, &own.1));
                        let container = boxed(b"ipco", &own.collect::<Vec<_>>().concat());
                        let associations = boxed(b"ipma", &self.associations);
                        boxed(kind, &[container, associations].concat())
                    }
                    _ => boxed(kind, body),
                });
            }
            meta.extend(inner);
            [boxed(b"ftyp", &self.brands), boxed(b"meta", &meta)].concat()
        };
        let length = make(0).len() as u32;
        make(length + 8)
    }

    /// A file like the original.
    fn file(&self) -> Vec<u8> {
        self.placed(&|place| iloc(1, 0, &[(place, self.data.len() as u32)]))
    }

    /// A file whose data has any location, given its place.
    fn placed(&self, location: &dyn Fn(u32) -> Vec<u8>) -> Vec<u8> {
        [self.begin(location, b""), boxed(b"mdat", &self.data)].concat()
    }

    fn with(&self, change: impl FnOnce(&mut Self)) -> Vec<u8> {
        let mut changed = Self {
            brands: self.brands.clone(),
            meta: self.meta.clone(),
            properties: self.properties.clone(),
            associations: self.associations.clone(),
            data: self.data.clone(),
        };
        change(&mut changed);
        changed.file()
    }

    /// A file with one more property of the item.
    fn with_property(&self, kind: &[u8], body: &[u8], is_essential: bool) -> Vec<u8> {
        self.with(|it| {
            it.properties.push((kind.to_vec(), body.to_vec()));
            let place = it.properties.len() as u8;
            it.associations[10] += 1;
            it.associations
                .push(if is_essential { place | 0x80 } else { place });
        })
    }
}

/// A location of one item, in version 1: its construction method and extents.
fn iloc(item: u16, method: u16, extents: &[(u32, u32)]) -> Vec<u8> {
    let mut body = vec![1, 0, 0, 0, 0x44, 0, 0, 1];
    body.extend(item.to_be_bytes());
    body.extend(method.to_be_bytes());
    body.extend([0, 0]);
    body.extend((extents.len() as u16).to_be_bytes());
    for (from, length) in extents {
        body.extend(from.to_be_bytes());
        body.extend(length.to_be_bytes());
    }
    body
}

fn layouts(cases: &mut Cases, parts: &Parts) {
    let data = &parts.data[..];
    let length = data.len() as u32;
    let file = parts.file();
    let begin = &file[..file.len() - data.len() - 8];
    let mut add = |name: &str, bytes: Vec<u8>| cases.add(name, bytes);
    add("put together again", file.clone());
    let inner = parts.begin(&|_| iloc(1, 1, &[(0, length)]), &boxed(b"idat", data));
    add("data in idat", inner.clone());
    add("data in idat, cut", inner[..inner.len() - 1].to_vec());
    add(
        "data in a missing idat",
        parts.placed(&|_| iloc(1, 1, &[(0, length)])),
    );
    let beyond = parts.begin(&|_| iloc(1, 1, &[(1, length)]), &boxed(b"idat", data));
    add("data beyond idat", beyond);
    let brands = boxed(b"ftyp", &parts.brands);
    let start = brands.len() as u32 + 8;
    let meta = parts.begin(&|_| iloc(1, 0, &[(start, length)]), b"");
    let meta = &meta[brands.len()..];
    add(
        "data before meta",
        [&brands, &boxed(b"mdat", data), meta].concat(),
    );
    for (what, between) in [
        ("text", &b"abc"[..]),
        ("an invalid box", b"\0\0\0\x04free"),
        ("a truncated box", b"\x7F\0\0\0free"),
        ("free space", &boxed(b"free", b"abc")),
    ] {
        let more = between.len() as u32;
        let moved = parts.begin(&|place| iloc(1, 0, &[(place + more, length)]), b"");
        let mdat = boxed(b"mdat", data);
        add(
            &format!("{what} before the data"),
            [&moved, between, &mdat].concat(),
        );
        add(
            &format!("{what} after the data"),
            [&file[..], between].concat(),
        );
        let first = [between, &brands, &moved[brands.len()..], &mdat].concat();
        add(&format!("{what} before the brands"), first);
        let second = [&brands[..], between, &moved[brands.len()..], &mdat].concat();
        add(&format!("{what} after the brands"), second);
    }
    add(
        "data in free space",
        [begin, &boxed(b"free", data)].concat(),
    );
    add("data without a box", {
        let moved = parts.begin(
            &|place| iloc(1, 0, &[(place.saturating_sub(8), length)]),
            b"",
        );
        [&moved, data].concat()
    });
    let endless = [b"\0\0\0\0mdat", data].concat();
    add("data up to the end", [begin, &endless].concat());
    add(
        "data up to the end, and more",
        [begin, &endless, b"abc"].concat(),
    );
    let wide = (u64::from(length) + 16).to_be_bytes();
    let moved = parts.begin(&|place| iloc(1, 0, &[(place + 8, length)]), b"");
    add(
        "data with a wide length",
        [&moved, &b"\0\0\0\x01mdat"[..], &wide, data].concat(),
    );
    let long = (length + 100).to_be_bytes();
    add(
        "data with a length too long",
        [begin, &long, b"mdat", data].concat(),
    );
    add(
        "two meta boxes",
        [begin, &boxed(b"meta", &[0; 4]), &boxed(b"mdat", data)].concat(),
    );
    for (place, (kind, _)) in parts.meta.iter().enumerate() {
        let name = kind.escape_ascii();
        add(
            &format!("without {name}"),
            parts.with(|it| drop(it.meta.remove(place))),
        );
        add(
            &format!("with {name} twice"),
            parts.with(|it| {
                it.meta.insert(place, it.meta[place].clone());
            }),
        );
        add(
            &format!("with {name} last"),
            parts.with(|it| {
                let own = it.meta.remove(place);
                it.meta.push(own);
            }),
        );
    }
    add("meta of version 1", {
        let at = brands.len() + 8;
        [&file[..at], &[1], &file[at + 1..]].concat()
    });
    for (kind, at, what) in [
        (b"hdlr", 8, "a video's handler"),
        (b"pitm", 5, "another primary item"),
        (b"infe", 0, "no item entry"),
        (b"av01", 0, "an item of another type"),
    ] {
        let found = file
            .windows(4)
            .position(|tag| tag == kind)
            .unwrap_or_default();
        let mut changed = file.clone();
        let at = found + at + if at == 0 { 0 } else { 4 };
        changed[at] ^= 0x20;
        add(&format!("with {what}"), changed);
    }
    let found = file
        .windows(4)
        .position(|tag| tag == b"av01")
        .unwrap_or_default();
    for kind in [b"hvc1", b"jpeg", b"grid", b"iden", b"Exif"] {
        let mut changed = file.clone();
        changed[found..found + 4].copy_from_slice(kind);
        add(&format!("with an item {}", kind.escape_ascii()), changed);
    }
}

fn brands(cases: &mut Cases, parts: &Parts) {
    for brands in [
        "avif",
        "mif1 avif",
        "mif1 mif1 miaf avif",
        "mif1 mif1",
        "heic avif",
        "avis",
        "avis avif",
        "avif avis",
        "mif1 avis",
        "miaf avif",
        "isom avif",
        "msf1 avif",
        "avio avif",
        "avif avio",
        "heic heic",
        "mif1 heic",
        "jpeg avif",
    ] {
        let bytes = |it: &mut Parts| {
            let all: Vec<_> = brands
                .as_bytes()
                .chunks(5)
                .map(|brand| &brand[..4])
                .collect();
            it.brands = [all[0], &[0; 4], &all[1..].concat()].concat();
        };
        cases.add(format!("brands {brands}"), parts.with(bytes));
    }
    cases.add(
        "avif as a minor version",
        parts.with(|it| it.brands = b"mif1avifmif1".to_vec()),
    );
    for length in [0, 3, 4, 7, 8, 9, 12, 13] {
        let name = format!("{length} bytes of brands");
        cases.add(name, parts.with(|it| it.brands.truncate(length)));
    }
}

fn properties(cases: &mut Cases, parts: &Parts) {
    for place in 0..parts.properties.len() {
        let name = parts.properties[place].0.escape_ascii();
        let without = parts.with(|it| it.properties[place] = (b"free".to_vec(), Vec::new()));
        cases.add(format!("without {name}"), without);
        let length = parts.properties[place].1.len();
        for cut in 0..length {
            let cut_off = parts.with(|it| it.properties[place].1.truncate(cut));
            cases.add(format!("{cut} bytes of {name}"), cut_off);
        }
        let long = parts.with(|it| it.properties[place].1.extend(*b"more"));
        cases.add(format!("{name} with more bytes"), long);
    }
    let find = |kind: &[u8]| parts.properties.iter().position(|own| own.0 == kind);
    let mut set = |name: String, kind: &[u8], at: usize, bytes: &[u8]| {
        if let Some(place) = find(kind) {
            let changed = parts.with(|it| {
                it.properties[place].1[at..at + bytes.len()].copy_from_slice(bytes);
            });
            cases.add(name, changed);
        }
    };
    for (width, height) in [
        (31_u32, 18_u32),
        (30, 17),
        (62, 34),
        (0, 17),
        (31, 0),
        (1, 1),
    ] {
        let size = [width.to_be_bytes(), height.to_be_bytes()].concat();
        set(format!("ispe of {width} x {height}"), b"ispe", 4, &size);
    }
    set("ispe of version 1".to_owned(), b"ispe", 0, &[1]);
    for bit in 0..32 {
        let (at, mask) = (bit / 8, 0x80 >> (bit % 8));
        if let Some(place) = find(b"av1C") {
            let value = parts.properties[place].1[at] ^ mask;
            set(
                format!("av1C with bit {bit} changed"),
                b"av1C",
                at,
                &[value],
            );
        }
    }
    for depths in [[10, 10, 10], [8, 8, 10], [12, 12, 12]] {
        set(format!("pixi of {depths:?}"), b"pixi", 5, &depths);
    }
    let mut add = |name: &str, bytes: Vec<u8>| cases.add(name, bytes);
    let clap = |numbers: [u32; 8]| numbers.map(u32::to_be_bytes).concat();
    for (kind, body, what) in [
        (b"irot", vec![1], "a turn"),
        (b"irot", vec![7], "an invalid turn"),
        (b"imir", vec![1], "a mirror"),
        (b"imir", vec![2], "an invalid mirror"),
        (b"clap", clap([10, 1, 10, 1, 0, 1, 0, 1]), "a crop"),
        (b"clap", clap([10, 0, 10, 1, 0, 1, 0, 1]), "an invalid crop"),
        (b"clap", clap([100, 1, 10, 1, 0, 1, 0, 1]), "a crop beyond"),
        (
            b"pasp",
            [0, 0, 0, 2, 0, 0, 0, 1].to_vec(),
            "a pixel's ratio",
        ),
        (b"lsel", vec![0, 0], "a layer"),
        (b"a1op", vec![0], "an operating point"),
        (b"a1lx", vec![0; 7], "layers"),
        (b"clli", vec![0; 4], "a light level"),
        (b"zzzz", b"abc".to_vec(), "an unknown property"),
        (b"uuid", vec![7; 20], "a private property"),
    ] {
        add(
            &format!("{what}, essential"),
            parts.with_property(kind, &body, true),
        );
        add(
            &format!("{what}, not essential"),
            parts.with_property(kind, &body, false),
        );
    }
    let own = &parts.associations;
    for (what, associations) in [
        ("property 0", [&own[..11], &[0], &own[12..]].concat()),
        (
            "a missing property",
            [&own[..11], &[0x7E], &own[12..]].concat(),
        ),
        (
            "an item twice",
            [&own[..4], &[0, 0, 0, 2], &own[8..], &own[8..]].concat(),
        ),
        (
            "another item",
            [&own[..4], &[0, 0, 0, 2], &own[8..], &[0, 2, 1, 1]].concat(),
        ),
        (
            "too few items",
            [&own[..4], &[0, 0, 0, 2], &own[8..]].concat(),
        ),
        ("no items", vec![0; 8]),
        (
            "another item only",
            [&own[..8], &[0, 2], &own[10..]].concat(),
        ),
    ] {
        add(
            &format!("properties of {what}"),
            parts.with(|it| it.associations = associations),
        );
    }
}

fn locations(cases: &mut Cases, parts: &Parts) {
    let length = parts.data.len() as u32;
    let mut add = |name: &str, location: &dyn Fn(u32) -> Vec<u8>| {
        cases.add(name, parts.placed(location));
    };
    add("two extents", &|place| {
        iloc(1, 0, &[(place, 40), (place + 40, length - 40)])
    });
    add("no extents", &|_| iloc(1, 0, &[]));
    add("a location of another item", &|place| {
        iloc(2, 0, &[(place, length)])
    });
    add("a location in an item", &|place| {
        iloc(1, 2, &[(place, length)])
    });
    add("a location beyond the file", &|place| {
        iloc(1, 0, &[(place + 1, length)])
    });
    add("a length beyond the file", &|place| {
        iloc(1, 0, &[(place, length + 1)])
    });
    add("a length of 4 GiB", &|place| {
        iloc(1, 0, &[(place, u32::MAX)])
    });
    add("a location of 4 GiB", &|_| {
        iloc(1, 0, &[(u32::MAX, length)])
    });
    add("no length", &|place| iloc(1, 0, &[(place, 0)]));
    add("version 0", &|place| {
        let body = iloc(1, 0, &[(place, length)]);
        [&[0], &body[1..10], &body[12..]].concat()
    });
    add("version 2", &|place| {
        let body = iloc(1, 0, &[(place, length)]);
        [&[2], &body[1..6], &[0, 0], &body[6..8], &[0, 0], &body[8..]].concat()
    });
    add("version 3", &|place| {
        [&[3], &iloc(1, 0, &[(place, length)])[1..]].concat()
    });
    add("another file", &|place| {
        let mut body = iloc(1, 0, &[(place, length)]);
        body[13] = 1;
        body
    });
    add("a location twice", &|place| {
        let body = iloc(1, 0, &[(place, length)]);
        [&body[..7], &[2], &body[8..], &body[8..]].concat()
    });
}

/// The first place of some bytes, and all bytes with others in their place.
fn replaced(bytes: &[u8], piece: &[u8], by: &[u8]) -> Vec<u8> {
    match bytes
        .windows(piece.len())
        .position(|window| window == piece)
    {
        Some(at) => [&bytes[..at], by, &bytes[at + piece.len()..]].concat(),
        None => panic!("the piece is missing"),
    }
}

fn ispe(width: u32, height: u32) -> Vec<u8> {
    [
        b"ispe\0\0\0\0",
        &width.to_be_bytes()[..],
        &height.to_be_bytes(),
    ]
    .concat()
}

fn grids(cases: &mut Cases) -> Result<()> {
    let grid = fixture("grid.avif")?;
    // Version, flags, rows - 1, columns - 1, width, height.
    let header = [0, 0, 1, 1, 0, 128, 0, 128];
    for (what, by) in [
        ("version 1", [1, 0, 1, 1, 0, 128, 0, 128]),
        ("flags 2", [0, 2, 1, 1, 0, 128, 0, 128]),
        ("wide numbers", [0, 1, 1, 1, 0, 128, 0, 128]),
        ("3 rows", [0, 0, 2, 1, 0, 128, 0, 128]),
        ("1 tile", [0, 0, 0, 0, 0, 128, 0, 128]),
        ("65536 tiles", [0, 0, 255, 255, 0, 128, 0, 128]),
        ("a larger width", [0, 0, 1, 1, 0, 129, 0, 128]),
        ("a smaller width", [0, 0, 1, 1, 0, 100, 0, 128]),
        ("a much smaller width", [0, 0, 1, 1, 0, 64, 0, 128]),
        ("no width", [0, 0, 1, 1, 0, 0, 0, 128]),
    ] {
        cases.add(format!("grid with {what}"), replaced(&grid, &header, &by));
    }
    for (what, piece, by) in [
        ("a larger size", ispe(128, 128), ispe(129, 128)),
        ("a smaller size", ispe(128, 128), ispe(100, 128)),
        ("tiles of another size", ispe(64, 64), ispe(65, 64)),
        ("no parts", b"dimg".to_vec(), b"zzzz".to_vec()),
        ("other references", b"dimg".to_vec(), b"cdsc".to_vec()),
        (
            "a missing tile",
            vec![0, 4, 0, 2, 0, 3, 0, 4, 0, 5],
            vec![0, 4, 0, 2, 0, 3, 0, 4, 0, 9],
        ),
        (
            "a tile twice",
            vec![0, 4, 0, 2, 0, 3, 0, 4, 0, 5],
            vec![0, 4, 0, 2, 0, 3, 0, 4, 0, 4],
        ),
        (
            "itself as a tile",
            vec![0, 4, 0, 2, 0, 3, 0, 4, 0, 5],
            vec![0, 4, 0, 2, 0, 3, 0, 4, 0, 1],
        ),
    ] {
        cases.add(format!("grid with {what}"), replaced(&grid, &piece, &by));
    }
    let alpha = fixture("grid-alpha.avif")?;
    for (what, piece, by) in [
        ("another reference", &b"auxl"[..], &b"zzzz"[..]),
        ("another purpose", b"auxiliary:alpha", b"auxiliary:alphx"),
    ] {
        cases.add(
            format!("grid with alpha of {what}"),
            replaced(&alpha, piece, by),
        );
    }
    Ok(())
}

fn animations(cases: &mut Cases) -> Result<()> {
    let animated = fixture("animated.avif")?;
    let still = fixture("rgb.avif")?;
    for major in [b"avif", b"mif1", b"msf1", b"avis"] {
        let name = |what: &str| format!("animation of {}: {what}", major.escape_ascii());
        let animated = [&animated[..8], major, &animated[12..]].concat();
        cases.add(name("whole"), &*animated);
        cases.add(name("cut by a byte"), &animated[..animated.len() - 1]);
        for kind in [
            "meta", "moov", "mvhd", "trak", "tkhd", "mdia", "mdhd", "minf", "vmhd", "dinf", "stbl",
            "stsd", "stts", "stsc", "stsz", "stco", "stss", "mdat", "pitm", "iprp", "ispe", "iinf",
            "iloc", "edts",
        ] {
            let without = replaced(&animated, kind.as_bytes(), b"free");
            cases.add(name(&format!("without {kind}")), without);
        }
        let size = [0, 20, 0, 0, 0, 10, 0, 0];
        for (width, height) in [(21, 10), (20, 11), (0, 10), (20, 0)] {
            let other = [0, width, 0, 0, 0, height, 0, 0];
            let what = format!("track of {width} x {height}");
            cases.add(name(&what), replaced(&animated, &size, &other));
            let sized = replaced(&animated, &ispe(20, 10), &ispe(width.into(), height.into()));
            cases.add(name(&format!("item of {width} x {height}")), &*sized);
            let both = replaced(&sized, &size, &other);
            cases.add(name(&format!("track and item of {width} x {height}")), both);
        }
        // The lengths of the samples (stsz) and the place of the chunk (stco).
        let lengths = animated
            .windows(4)
            .position(|tag| tag == b"stsz")
            .unwrap_or_default();
        for (what, at, by) in [
            ("one length for all", 8, [0, 0, 0, 20_u8]),
            ("one length for all, too long", 8, [0, 0, 0, 200]),
            ("no samples", 12, [0, 0, 0, 0]),
            ("three samples", 12, [0, 0, 0, 3]),
            ("five samples", 12, [0, 0, 0, 5]),
            ("4 G samples", 12, [0xFF; 4]),
            ("a first sample too long", 16, [0, 0, 9, 0]),
            ("an empty first sample", 16, [0, 0, 0, 0]),
        ] {
            let mut changed = animated.clone();
            changed[lengths + at..lengths + at + 4].copy_from_slice(&by);
            cases.add(name(what), changed);
        }
        let places = animated
            .windows(4)
            .position(|tag| tag == b"stco")
            .unwrap_or_default();
        for (what, at, by) in [
            ("no chunks", 8, [0, 0, 0, 0_u8]),
            ("two chunks", 8, [0, 0, 0, 2]),
            ("a chunk beyond the file", 12, [0xFF; 4]),
        ] {
            let mut changed = animated.clone();
            changed[places + at..places + at + 4].copy_from_slice(&by);
            cases.add(name(what), changed);
        }
        // The number of samples in a chunk (stsc).
        let runs = animated
            .windows(4)
            .position(|tag| tag == b"stsc")
            .unwrap_or_default();
        for (what, at, by) in [
            ("no runs", 8, [0, 0, 0, 0_u8]),
            ("runs from chunk 2", 12, [0, 0, 0, 2]),
            ("runs of no samples", 16, [0, 0, 0, 0]),
            ("runs of 3 samples", 16, [0, 0, 0, 3]),
            ("runs of 4 G samples", 16, [0xFF; 4]),
        ] {
            let mut changed = animated.clone();
            changed[runs + at..runs + at + 4].copy_from_slice(&by);
            cases.add(name(what), changed);
        }
    }
    cases.add("two files", [&still[..], &animated].concat());
    Ok(())
}
