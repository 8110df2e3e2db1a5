//! Looking through all of a stack's logs for what must never be in one.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};

/// What no log may hold, whoever it belongs to: each by a piece that all of its kind have.
const KINDS: [(&str, &[u8]); 13] = [
    // `{"typ":` or `{"alg":`, in base64: how every token begins.
    ("a token", b"eyJ0eXAi"),
    ("a token", b"eyJhbGci"),
    ("a password's hash", b"$argon2"),
    ("a private key", b"PRIVATE KEY"),
    ("a PNG", b"\x89PNG\r"),
    ("a PNG in base64", b"iVBORw0KGgo"),
    ("a JPEG", b"\xff\xd8\xff\xe0"),
    ("a JPEG in base64", b"/9j/4"),
    ("a GIF", b"GIF89a"),
    ("a GIF in base64", b"R0lGODlh"),
    ("a WebP in base64", b"UklGR"),
    ("an AVIF", b"ftypavif"),
    ("an AVIF in base64", b"ZnR5cGF2aWY"),
];

/// A secret that is in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leak {
    /// What it is.
    pub what: String,
    /// The log's name.
    pub log: String,
    /// The line, counted from 1.
    pub line: usize,
}

/// Every leak in the logs of a folder: of any kind, or of these very texts, each with what
/// it is.
///
/// # Errors
///
/// The folder cannot be read, or holds no log.
pub fn leaks(folder: &Path, secrets: &[(&str, &str)]) -> Result<Vec<Leak>> {
    let secrets: Vec<(&str, &[u8])> = secrets
        .iter()
        .map(|(what, text)| (*what, text.as_bytes()))
        .chain(KINDS)
        .collect();
    let mut leaks = Vec::new();
    for (name, bytes) in logs(folder)? {
        let found = search(&bytes, &secrets).into_iter();
        leaks.extend(found.map(|(what, line)| Leak {
            what: what.to_owned(),
            log: name.clone(),
            line,
        }));
    }
    Ok(leaks)
}

/// Whether some log holds this text.
///
/// # Errors
///
/// As [`leaks`].
pub fn mention(folder: &Path, text: &str) -> Result<bool> {
    Ok(logs(folder)?
        .iter()
        .any(|(_, bytes)| contains(bytes, text.as_bytes())))
}

fn logs(folder: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let mut logs = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            let name = entry.file_name().to_string_lossy().into_owned();
            logs.push((name, fs::read(entry.path())?));
        }
    }
    anyhow::ensure!(!logs.is_empty(), "{} holds no log", folder.display());
    Ok(logs)
}

fn search<'a>(log: &[u8], secrets: &[(&'a str, &[u8])]) -> Vec<(&'a str, usize)> {
    let mut found = Vec::new();
    for (number, line) in (1..).zip(log.split(|byte| *byte == b'\n')) {
        for (what, secret) in secrets {
            if contains(line, secret) {
                found.push((*what, number));
            }
        }
    }
    found
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    let Some((first, rest)) = part.split_first() else {
        return false;
    };
    // Far quicker than comparing at every place: logs of a whole run have megabytes.
    let mut left = text;
    while let Some(at) = left.iter().position(|byte| byte == first) {
        left = &left[at + 1..];
        if left.starts_with(rest) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planted_secrets_are_found() {
        let log = b"{\"message\":\"fine\"}\n{\"a\":\"Bearer eyJ0eXAiOiJhdCtqd3QifQ.x.y\"}\n\
            {\"p\":\"hunter22\"}\nbytes \x89PNG\r\n";
        let mut secrets: Vec<(&str, &[u8])> = KINDS.to_vec();
        secrets.push(("a password", b"hunter22"));
        assert_eq!(
            search(log, &secrets),
            [("a token", 2), ("a password", 3), ("a PNG", 4)]
        );
    }

    #[test]
    fn every_kind_is_found_in_what_it_is_of() {
        for (what, piece) in KINDS {
            let line = [b"{\"x\":\"".as_slice(), piece, b"\"}"].concat();
            let whole = [(what, piece)];
            assert_eq!(search(&line, &whole), [(what, 1)]);
        }
    }

    #[test]
    fn what_only_begins_alike_is_not_found() {
        assert!(!contains(b"aab", b"ab$"));
        assert!(contains(b"aab", b"ab"));
        assert!(!contains(b"", b"a"));
    }
}
