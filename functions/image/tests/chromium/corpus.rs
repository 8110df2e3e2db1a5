//! Files made from those of real encoders (`tests/fixtures/make.py`) by changes that are the same in
//! every run.

mod avif;
mod gif;
mod jpeg;
mod pieces;
mod png;
mod webp;

use std::{fs, path::Path};

use anyhow::{Context as _, Result};

/// A file.
pub(crate) struct Case {
    /// One of [`FORMATS`](crate::comparison::FORMATS).
    pub(crate) format: &'static str,
    pub(crate) content_type: &'static str,
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    /// The undamaged file, if the damage may leave no trace in what is shown.
    pub(crate) whole: Option<Vec<u8>>,
}

/// The files of one format, while they are collected.
struct Cases {
    format: &'static str,
    content_type: &'static str,
    cases: Vec<Case>,
}

impl Cases {
    fn add(&mut self, name: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.cases.push(Case {
            format: self.format,
            content_type: self.content_type,
            name: name.into(),
            bytes: bytes.into(),
            whole: None,
        });
    }

    /// Adds a damaged file, which may look like the whole one.
    fn add_damaged(&mut self, name: impl Into<String>, bytes: impl Into<Vec<u8>>, whole: &[u8]) {
        self.add(name, bytes);
        if let Some(case) = self.cases.last_mut() {
            case.whole = Some(whole.to_vec());
        }
    }
}

/// Reads a fixture.
fn fixture(name: &str) -> Result<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name);
    fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
}

/// The fixtures with an ending.
fn fixtures(ending: &str) -> Result<Vec<(String, Vec<u8>)>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(ending) {
            names.push(name);
        }
    }
    names.sort();
    names
        .into_iter()
        .map(|name| {
            let bytes = fixture(&name)?;
            Ok((name, bytes))
        })
        .collect()
}

/// All files.
pub(crate) fn all() -> Result<Vec<Case>> {
    let mut all = Vec::new();
    for (format, ending, content_type, special) in [
        (
            "PNG",
            ".png",
            "image/png",
            png::add as fn(&mut Cases) -> Result<()>,
        ),
        ("JPEG", ".jpg", "image/jpeg", jpeg::add),
        ("GIF", ".gif", "image/gif", gif::add),
        ("WebP", ".webp", "image/webp", webp::add),
        ("AVIF", ".avif", "image/avif", avif::add),
    ] {
        let mut cases = Cases {
            format,
            content_type,
            cases: Vec::new(),
        };
        for (name, bytes) in fixtures(ending)? {
            cut(&mut cases, &name, &bytes);
            followed(&mut cases, &name, &bytes);
            changed(&mut cases, &name, &bytes);
            cases.add(name, bytes);
        }
        special(&mut cases)?;
        all.append(&mut cases.cases);
    }
    Ok(all)
}

/// Cut at many places, all of them near the end.
fn cut(cases: &mut Cases, name: &str, bytes: &[u8]) {
    const NEAR: usize = 40;
    const OTHERS: usize = 80;
    let near = bytes.len().saturating_sub(NEAR);
    let others = (1..OTHERS)
        .map(|part| near * part / OTHERS)
        .filter(|&at| at > 4);
    for at in others.chain(near..bytes.len()) {
        let what = match cases.format {
            "JPEG" if bytes[..at + 1].ends_with(&[0xFF, 0xD9]) => "cut in its end marker at",
            "JPEG" if bytes[..(at + 2).min(bytes.len())].ends_with(&[0xFF, 0xD9]) => {
                "cut before its end marker at"
            }
            _ => "cut at",
        };
        cases.add(format!("{name} {what} {at}"), &bytes[..at]);
    }
}

/// With something after the end.
fn followed(cases: &mut Cases, name: &str, bytes: &[u8]) {
    let text = b"a note after the end of the picture".as_slice();
    let others: [(&str, &[u8]); 9] = [
        ("a zero", &[0]),
        ("two zeros", &[0; 2]),
        ("eight zeros", &[0; 8]),
        ("many zeros", &[0; 5000]),
        ("FF", &[0xFF; 40]),
        ("a line feed", b"\n"),
        ("text", text),
        ("a box", b"\0\0\0\x0Cfree1234"),
        ("itself", bytes),
    ];
    for (what, more) in others {
        cases.add(format!("{name} followed by {what}"), [bytes, more].concat());
    }
}

/// With single bytes changed, but not in what is coded: that damage is found only by decoding.
fn changed(cases: &mut Cases, name: &str, bytes: &[u8]) {
    const CHANGES: u64 = 120;
    let coded = pieces::coded(cases.format, bytes);
    let mut random = Random(0x9E37_79B9_7F4A_7C15 ^ bytes.len() as u64);
    for _ in 0..CHANGES {
        let at = random.below(bytes.len());
        if at < 12 || coded.iter().any(|range| range.contains(&at)) {
            continue;
        }
        let mut changed = bytes.to_vec();
        changed[at] = match random.below(4) {
            0 => 0,
            1 => 0xFF,
            _ => changed[at] ^ 1 << random.below(8),
        };
        let value = changed[at];
        cases.add(format!("{name} with {value:#04x} at {at}"), changed);
    }
}

/// Numbers that are the same in every run (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}
