//! Where a page ended, as a text that callers hand back and need not understand.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{Error, instant};

/// The first byte of every cursor. A later layout takes another, so that a cursor handed out
/// before an upgrade is refused rather than misread.
const LAYOUT: u8 = 1;

/// The last entry of a page: the next page begins after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) at: OffsetDateTime,
    pub(crate) id: Uuid,
}

impl Cursor {
    /// The cursor as text: base64url of the layout, the microseconds, the id.
    pub(crate) fn encode(self) -> String {
        let mut bytes = [0; 25];
        bytes[0] = LAYOUT;
        bytes[1..9].copy_from_slice(&instant::micros(self.at).to_be_bytes());
        bytes[9..].copy_from_slice(self.id.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a cursor; an empty text is none, the first page.
    ///
    /// # Errors
    ///
    /// [`Error::Cursor`] for any text that [`Cursor::encode`] did not write.
    pub(crate) fn decode(text: &str) -> Result<Option<Self>, Error> {
        if text.is_empty() {
            return Ok(None);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| Error::Cursor)?;
        let bytes: [u8; 25] = bytes.try_into().map_err(|_| Error::Cursor)?;
        let [LAYOUT, rest @ ..] = bytes else {
            return Err(Error::Cursor);
        };
        let (micros, id) = rest.split_first_chunk::<8>().ok_or(Error::Cursor)?;
        Ok(Some(Self {
            at: instant::from_micros(i64::from_be_bytes(*micros)).ok_or(Error::Cursor)?,
            id: Uuid::from_slice(id).map_err(|_| Error::Cursor)?,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_goes_there_and_back() {
        for micros in [1_790_000_000_123_456, 0, -1] {
            let cursor = Cursor {
                at: instant::from_micros(micros).unwrap(),
                id: Uuid::from_u128(micros.unsigned_abs().into()),
            };
            assert_eq!(Cursor::decode(&cursor.encode()).unwrap(), Some(cursor));
        }
    }

    #[test]
    fn no_text_is_the_first_page() {
        assert_eq!(Cursor::decode("").unwrap(), None);
    }

    #[test]
    fn garbage_is_refused() {
        let other_layout = URL_SAFE_NO_PAD.encode([2; 25]);
        let mut bytes = [0xff; 25];
        bytes[0] = LAYOUT;
        bytes[1] = 0x7f;
        let no_such_time = URL_SAFE_NO_PAD.encode(bytes);
        let long = "A".repeat(1024);
        let short = URL_SAFE_NO_PAD.encode([LAYOUT; 24]);
        for text in [
            "x",
            "!!!",
            "50",
            "é",
            &other_layout,
            &no_such_time,
            &long,
            &short,
        ] {
            assert!(matches!(Cursor::decode(text), Err(Error::Cursor)), "{text}");
        }
    }
}
