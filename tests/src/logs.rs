//! Searches a stack's logs for secrets.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};

/// Patterns of data that must not appear in logs. Each is a byte sequence common to all such data.
const SECRET_PATTERNS: [(&str, &[u8]); 13] = [
    // Tokens start with `{"typ":` or `{"alg":` in base64.
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

/// A secret found in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leak {
    pub what: String,
    pub log: String,
    /// The line number, starting at 1.
    pub line: usize,
}

/// Finds leaks in the logs of a folder: the known patterns and the given `(description, text)`
/// pairs.
pub fn leaks(folder: &Path, secrets: &[(&str, &str)]) -> Result<Vec<Leak>> {
    let secrets: Vec<(&str, &[u8])> = secrets
        .iter()
        .map(|(what, text)| (*what, text.as_bytes()))
        .chain(SECRET_PATTERNS)
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

/// Whether any log contains a text.
pub fn mention(folder: &Path, text: &str) -> Result<bool> {
    Ok(logs(folder)?
        .iter()
        .any(|(_, bytes)| contains(bytes, text.as_bytes())))
}

/// The logs of this run. Those of earlier ones end with a number.
fn logs(folder: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let mut logs = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let path = entry.path();
        let extension = path.extension().unwrap_or_default().to_string_lossy();
        if entry.file_type()?.is_file() && extension.parse::<u8>().is_err() {
            let name = entry.file_name().to_string_lossy().into_owned();
            logs.push((name, fs::read(path)?));
        }
    }
    anyhow::ensure!(!logs.is_empty(), "{} contains no logs", folder.display());
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
    // Searching for the first byte is much faster, and the logs of a whole run have megabytes.
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
        let mut secrets: Vec<(&str, &[u8])> = SECRET_PATTERNS.to_vec();
        secrets.push(("a password", b"hunter22"));
        assert_eq!(
            search(log, &secrets),
            [("a token", 2), ("a password", 3), ("a PNG", 4)]
        );
    }

    #[test]
    fn every_pattern_is_found() {
        for (what, piece) in SECRET_PATTERNS {
            let line = [b"{\"x\":\"".as_slice(), piece, b"\"}"].concat();
            let whole = [(what, piece)];
            assert_eq!(search(&line, &whole), [(what, 1)]);
        }
    }

    #[test]
    fn partial_matches_are_skipped() {
        assert!(!contains(b"aab", b"ab$"));
        assert!(contains(b"aab", b"ab"));
        assert!(!contains(b"", b"a"));
    }
}
