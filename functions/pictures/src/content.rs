//! Decoding and encoding the base64 text of a picture's bytes.
//!
//! Text is decoded in place, so that an upload never holds both text and bytes.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use trichrome_proto::wire::limits::MAX_PICTURE;

/// Why text can't be decoded. Positions count bytes from 1, which are characters unless a
/// `data:` URL's prefix contains others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContentError {
    /// The text is empty, or has only a prefix and line breaks.
    #[error("base64 is empty; send the picture's bytes as base64")]
    Empty,
    /// A character that is in neither alphabet.
    #[error(
        "base64 has {} at character {place}; send only A-Z a-z 0-9 + / (or - _), = at the end, \
         and line breaks",
        Quoted(*.found)
    )]
    Character {
        /// The character.
        found: char,
        /// Its position.
        place: usize,
    },
    /// A space or a tab. Skipping it could shorten the picture: a form's decoder turns `+` into a
    /// space.
    #[error(
        "base64 has a space at character {place}: was `+` lost? Form data needs %2B for it; only \
         line breaks are ignored"
    )]
    Space {
        /// Its position.
        place: usize,
    },
    /// A `%` in a `data:` URL that isn't followed by two hexadecimal digits.
    #[error("the data: URL has an invalid %-escape at character {place}")]
    Escape {
        /// Its position.
        place: usize,
    },
    /// `+` or `/` together with `-` or `_`.
    #[error(
        "base64 mixes the standard alphabet (+ /) with the URL-safe one (- _) at character \
         {place}; use one of them"
    )]
    MixedAlphabets {
        /// The position of the second alphabet's first character.
        place: usize,
    },
    /// A character after the padding.
    #[error("base64 continues after its padding (=) at character {place}; send one picture")]
    AfterPadding {
        /// Its position.
        place: usize,
    },
    /// Padding that doesn't complete the last group of four.
    #[error(
        "base64 has the wrong padding; pad it with = to a multiple of 4 characters, or not at all"
    )]
    Padding,
    /// An impossible length, or unused bits that aren't zero.
    #[error("base64 is truncated; send all of it")]
    Truncated,
    /// A `data:` URL without a comma.
    #[error("the data: URL has no comma before its content; send data:<type>;base64,<content>")]
    NoComma,
    /// A `data:` URL whose content isn't base64.
    #[error("the data: URL is not base64; send data:<type>;base64,<content>")]
    NotBase64,
    /// More than [`MAX_PICTURE`].
    #[error(
        "the picture has {size} bytes; the limit is {MAX_PICTURE} bytes (4 MiB) in one request; \
         begin an upload for a larger one (`uploads-begin`, POST /uploads)"
    )]
    TooLarge {
        /// The decoded size in bytes.
        size: usize,
    },
}

/// Formats a character quoted and escaped.
struct Quoted(char);

impl std::fmt::Display for Quoted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// The meaning of a byte of base64 text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Symbol {
    /// Six bits, in both alphabets.
    Common(u8),
    /// `+` or `/`.
    Standard(u8),
    /// `-` or `_`.
    UrlSafe(u8),
    Padding,
    LineBreak,
    Space,
    Other,
}

const SYMBOLS: [Symbol; 256] = symbols();

const fn symbols() -> [Symbol; 256] {
    let mut table = [Symbol::Other; 256];
    let mut value = 0;
    while value < 62 {
        let byte = match value {
            0..26 => b'A' + value,
            26..52 => b'a' + (value - 26),
            _ => b'0' + (value - 52),
        };
        table[byte as usize] = Symbol::Common(value);
        value += 1;
    }
    table[b'+' as usize] = Symbol::Standard(62);
    table[b'/' as usize] = Symbol::Standard(63);
    table[b'-' as usize] = Symbol::UrlSafe(62);
    table[b'_' as usize] = Symbol::UrlSafe(63);
    table[b'=' as usize] = Symbol::Padding;
    table[b' ' as usize] = Symbol::Space;
    table[b'\t' as usize] = Symbol::Space;
    table[b'\r' as usize] = Symbol::LineBreak;
    table[b'\n' as usize] = Symbol::LineBreak;
    table
}

/// Decodes base64 (RFC 4648): standard or URL-safe alphabet, padded or not, with or without a
/// `data:<type>;base64,` prefix. Line breaks are ignored, because MIME and PEM encoders write
/// them; spaces and tabs are refused. The content of a `data:` URL may be percent-encoded, as in
/// any URL. The prefix's media type is ignored, because the type is detected from the bytes.
///
/// Decodes in place, without allocating.
///
/// # Errors
/// See [`ContentError`]. [`ContentError::TooLarge`] is returned before anything is decoded.
pub fn decode(text: String) -> Result<Vec<u8>, ContentError> {
    let content = content(&text)?;
    let size = decoded_size(&text.as_bytes()[content.start..], content.is_url);
    if size > MAX_PICTURE {
        return Err(ContentError::TooLarge { size });
    }

    let mut bytes = text.into_bytes();
    let mut alphabet = None;
    let (mut group, mut held, mut padding) = (0_u32, 0_usize, 0_usize);
    let mut written = 0;
    let mut next = content.start;
    while next < bytes.len() {
        let read = next;
        let place = read + 1;
        let byte = if content.is_url && bytes[read] == b'%' {
            next += 3;
            unescaped(&bytes[read..]).ok_or(ContentError::Escape { place })?
        } else {
            next += 1;
            bytes[read]
        };
        let symbol = SYMBOLS[usize::from(byte)];
        let value = match symbol {
            Symbol::Common(value) => value,
            Symbol::Standard(value) | Symbol::UrlSafe(value) => {
                let url_safe = matches!(symbol, Symbol::UrlSafe(_));
                if *alphabet.get_or_insert(url_safe) != url_safe {
                    return Err(ContentError::MixedAlphabets { place });
                }
                value
            }
            Symbol::LineBreak => continue,
            Symbol::Space => return Err(ContentError::Space { place }),
            Symbol::Padding => {
                padding += 1;
                continue;
            }
            Symbol::Other => {
                let found = match bytes[read] {
                    b'%' if content.is_url => char::from(byte),
                    _ => character(&bytes[read..]),
                };
                return Err(ContentError::Character { found, place });
            }
        };
        if padding > 0 {
            return Err(ContentError::AfterPadding { place });
        }
        group = group << 6 | u32::from(value);
        held += 1;
        if held == 4 {
            // Four characters were read for these three bytes, so `written` never passes `read`.
            bytes[written..written + 3].copy_from_slice(&group.to_be_bytes()[1..]);
            written += 3;
            (group, held) = (0, 0);
        }
    }

    if padding > 0 && (held == 0 || held + padding != 4) {
        return Err(ContentError::Padding);
    }
    // A last, short group has whole bytes, and unused bits that must be zero (RFC 4648, section
    // 3.5). Otherwise two texts would decode to the same bytes.
    let (tail, rest) = match held {
        0 => (&[][..], 0),
        2 => (&[(group >> 4) as u8][..], group & 0xF),
        3 => (&[(group >> 10) as u8, (group >> 2) as u8][..], group & 0x3),
        _ => return Err(ContentError::Truncated),
    };
    if rest != 0 {
        return Err(ContentError::Truncated);
    }
    bytes[written..written + tail.len()].copy_from_slice(tail);
    bytes.truncate(written + tail.len());
    if bytes.is_empty() {
        return Err(ContentError::Empty);
    }
    Ok(bytes)
}

/// The base64 within a text.
struct Content {
    start: usize,
    /// Whether it is part of a `data:` URL.
    is_url: bool,
}

/// Whether a text is a `data:` URL (RFC 2397).
pub fn is_data_url(text: &str) -> bool {
    let text = text.trim_ascii_start();
    text.get(..5)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:"))
}

/// Where the base64 begins: after the prefix of a `data:` URL (RFC 2397), if there is one.
fn content(text: &str) -> Result<Content, ContentError> {
    let blank = text.len() - text.trim_ascii_start().len();
    if !is_data_url(text) {
        return Ok(Content {
            start: 0,
            is_url: false,
        });
    }
    let comma = text[blank..].find(',').ok_or(ContentError::NoComma)? + blank;
    let last = text[blank + 5..comma]
        .rsplit_once(';')
        .map(|(_, last)| last);
    if last.is_some_and(|last| last.trim_ascii().eq_ignore_ascii_case("base64")) {
        Ok(Content {
            start: comma + 1,
            is_url: true,
        })
    } else {
        Err(ContentError::NotBase64)
    }
}

/// The byte of a percent-encoding (RFC 3986, section 2.1) at the start of a text.
fn unescaped(bytes: &[u8]) -> Option<u8> {
    let digit = |at: usize| char::from(*bytes.get(at)?).to_digit(16);
    u8::try_from(digit(1)? << 4 | digit(2)?).ok()
}

/// The decoded size of base64 text, if it is valid.
fn decoded_size(text: &[u8], is_url: bool) -> usize {
    let (mut characters, mut next) = (0, 0);
    while next < text.len() {
        let escaped = (is_url && text[next] == b'%').then(|| unescaped(&text[next..]));
        let byte = escaped.flatten().unwrap_or(text[next]);
        next += if escaped.is_some() { 3 } else { 1 };
        let skipped = matches!(
            SYMBOLS[usize::from(byte)],
            Symbol::LineBreak | Symbol::Space | Symbol::Padding
        );
        characters += usize::from(!skipped);
    }
    characters / 4 * 3 + [0, 0, 1, 2][characters % 4]
}

/// The first character of valid UTF-8.
fn character(bytes: &[u8]) -> char {
    let end = bytes.len().min(4);
    String::from_utf8_lossy(&bytes[..end])
        .chars()
        .next()
        .unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// Encodes a picture piece by piece, so that there are never both all bytes and all text.
#[derive(Debug)]
pub struct Encoder {
    text: String,
    /// The bytes of an incomplete group of three.
    held: Vec<u8>,
}

impl Encoder {
    /// Creates an encoder whose text begins with a prefix, with capacity for this many bytes of a
    /// picture.
    pub fn with_capacity(prefix: &str, bytes: usize) -> Self {
        let mut text = String::with_capacity(prefix.len() + encoded_len(bytes));
        text.push_str(prefix);
        Self {
            text,
            held: Vec::with_capacity(3),
        }
    }

    /// Encodes the next piece.
    pub fn push(&mut self, mut piece: &[u8]) {
        if !self.held.is_empty() {
            let (head, rest) = piece.split_at(piece.len().min(3 - self.held.len()));
            self.held.extend_from_slice(head);
            piece = rest;
            if self.held.len() < 3 {
                return;
            }
            STANDARD.encode_string(&self.held, &mut self.text);
            self.held.clear();
        }
        let (whole, rest) = piece.split_at(piece.len() - piece.len() % 3);
        STANDARD.encode_string(whole, &mut self.text);
        self.held.extend_from_slice(rest);
    }

    /// Returns the text, in the standard alphabet and padded.
    pub fn finish(mut self) -> String {
        STANDARD.encode_string(&self.held, &mut self.text);
        self.text
    }
}

/// The length of the base64 text of this many bytes, padding included.
pub const fn encoded_len(bytes: usize) -> usize {
    bytes.div_ceil(3) * 4
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

    use super::*;

    fn decoded(text: &str) -> Result<Vec<u8>, ContentError> {
        decode(text.to_owned())
    }

    #[test]
    fn every_variant_of_base64_is_decoded() {
        for length in 1..70 {
            let bytes: Vec<u8> = (0..length)
                .map(|n: u8| n.wrapping_mul(251) ^ 0xFA)
                .collect();
            for text in [
                STANDARD.encode(&bytes),
                STANDARD_NO_PAD.encode(&bytes),
                URL_SAFE.encode(&bytes),
                URL_SAFE_NO_PAD.encode(&bytes),
            ] {
                assert_eq!(decoded(&text).unwrap(), bytes, "{text}");
                for prefix in [
                    "data:;base64,",
                    "data:image/png;base64,",
                    "DATA:image/svg+xml;charset=utf-8;BASE64,",
                    " \r\ndata:image/jpeg;name=a b; base64 ,",
                ] {
                    assert_eq!(decoded(&format!("{prefix}{text}")).unwrap(), bytes);
                }
                let mut broken = String::new();
                for (place, character) in text.chars().enumerate() {
                    broken.push_str(["", "\r\n", "", "\r", "\n"][place % 5]);
                    broken.push(character);
                }
                assert_eq!(decoded(&broken).unwrap(), bytes, "{broken:?}");
                let escaped = |character: char| match character {
                    '+' | '/' | '=' | 'A' => format!("%{:02x}", character as u32),
                    'B' => "%42%0D%0a".to_owned(),
                    _ => character.to_string(),
                };
                let url: String = text.chars().map(escaped).collect();
                let url = format!("data:image/png;base64,{url}");
                assert_eq!(decoded(&url).unwrap(), bytes, "{url}");
            }
        }
    }

    #[test]
    fn invalid_base64_is_refused_with_its_position() {
        let cases = [
            ("", ContentError::Empty),
            ("\r\n\n", ContentError::Empty),
            (" \r\n", ContentError::Space { place: 1 }),
            ("data:image/png;base64,", ContentError::Empty),
            ("data:image/png;base64,%0A", ContentError::Empty),
            (" QUJD", ContentError::Space { place: 1 }),
            ("QU JD", ContentError::Space { place: 3 }),
            ("QU\tJD", ContentError::Space { place: 3 }),
            ("QUJD\r\n QUJD", ContentError::Space { place: 7 }),
            // `QUI+` would be three bytes, and `QUI` is two.
            ("QUI ", ContentError::Space { place: 4 }),
            (
                "data:image/png;base64, QUJD",
                ContentError::Space { place: 23 },
            ),
            (
                "data:image/png;base64,QU%20JD",
                ContentError::Space { place: 25 },
            ),
            (
                "data:image/png;base64,QUJD%21",
                ContentError::Character {
                    found: '!',
                    place: 27,
                },
            ),
            (
                "data:image/png;base64,QUJD%2",
                ContentError::Escape { place: 27 },
            ),
            (
                "data:image/png;base64,%+1QUJD",
                ContentError::Escape { place: 23 },
            ),
            (
                "QUJD%2B",
                ContentError::Character {
                    found: '%',
                    place: 5,
                },
            ),
            ("====", ContentError::Padding),
            ("=", ContentError::Padding),
            ("QUJD=", ContentError::Padding),
            ("QUJD====", ContentError::Padding),
            ("QUI==", ContentError::Padding),
            ("QQ=", ContentError::Padding),
            ("QQ===", ContentError::Padding),
            ("Q", ContentError::Truncated),
            ("QUJDR", ContentError::Truncated),
            ("QR==", ContentError::Truncated),
            ("QUK", ContentError::Truncated),
            ("QQ==QQ==", ContentError::AfterPadding { place: 5 }),
            ("ab+/-_", ContentError::MixedAlphabets { place: 5 }),
            (
                "Q!JD",
                ContentError::Character {
                    found: '!',
                    place: 2,
                },
            ),
            (
                "QUJD\u{0}",
                ContentError::Character {
                    found: '\0',
                    place: 5,
                },
            ),
            (
                "QUJDé",
                ContentError::Character {
                    found: 'é',
                    place: 5,
                },
            ),
            (
                "QUJD🦀",
                ContentError::Character {
                    found: '🦀',
                    place: 5,
                },
            ),
            ("data:image/png;base64", ContentError::NoComma),
            ("data:image/png,QUJD", ContentError::NotBase64),
            ("data:,QUJD", ContentError::NotBase64),
            ("data:base64,QUJD", ContentError::NotBase64),
            ("data:image/png;base64=1,QUJD", ContentError::NotBase64),
            (
                "data:;base64,Q!",
                ContentError::Character {
                    found: '!',
                    place: 15,
                },
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(decoded(text), Err(expected), "{text:?}");
        }
    }

    #[test]
    fn quoted_characters_are_escaped() {
        let error = decoded("\u{7}").unwrap_err();
        assert!(
            error.to_string().contains(r"'\u{7}' at character 1"),
            "{error}"
        );
    }

    #[test]
    fn a_lost_plus_is_named() {
        let text = STANDARD.encode([0xFB, 0xEF, 0xBE]);
        assert_eq!(text, "++++");
        let error = decoded(&text.replace('+', " ")).unwrap_err();
        assert!(error.to_string().contains("was `+` lost?"), "{error}");
    }

    #[test]
    fn the_limit_counts_decoded_bytes() {
        let full = STANDARD.encode(vec![7; MAX_PICTURE]);
        assert_eq!(decoded(&full).unwrap().len(), MAX_PICTURE);
        let lines = full
            .as_bytes()
            .chunks(76)
            .collect::<Vec<_>>()
            .join(&b"\r\n"[..]);
        assert_eq!(
            decode(String::from_utf8(lines).unwrap()).unwrap().len(),
            MAX_PICTURE
        );

        let url = format!("data:;base64,{}", full.replace('=', "%3D"));
        assert_eq!(decoded(&url).unwrap().len(), MAX_PICTURE);

        let over = STANDARD.encode(vec![7; MAX_PICTURE + 1]);
        let error = decoded(&over).unwrap_err();
        assert_eq!(
            error,
            ContentError::TooLarge {
                size: MAX_PICTURE + 1
            }
        );
        assert!(error.to_string().contains("4194304"), "{error}");
    }

    #[test]
    fn decoding_allocates_nothing() {
        let text = STANDARD.encode(vec![7; 3000]);
        let before = text.as_ptr();
        let bytes = decode(text).unwrap();
        assert_eq!(bytes.as_ptr(), before);
    }

    #[test]
    fn pieces_of_any_size_are_encoded() {
        let bytes: Vec<u8> = (0..=255).collect();
        for size in 1..20 {
            for total in [0, 1, 2, 3, 4, 255, 256] {
                let mut encoder = Encoder::with_capacity("", total);
                for piece in bytes[..total].chunks(size) {
                    encoder.push(piece);
                }
                let text = encoder.finish();
                assert_eq!(text, STANDARD.encode(&bytes[..total]));
                assert_eq!(text.len(), encoded_len(total));
            }
        }
    }
}
