//! Where a page ended, as opaque text for callers.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{Error, instant};

/// The first byte of every cursor. A later layout must change it, so that an old cursor is
/// refused and not misread.
const LAYOUT: u8 = 1;

/// The last entry of a page, after which the next page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) at: OffsetDateTime,
    pub(crate) id: Uuid,
}

impl Cursor {
    /// The cursor as text: base64url of the layout, the microseconds and the id.
    pub(crate) fn encode(self) -> String {
        let mut bytes = [0; 25];
        bytes[0] = LAYOUT;
        bytes[1..9].copy_from_slice(&instant::micros(self.at).to_be_bytes());
        bytes[9..].copy_from_slice(self.id.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Parses a cursor. Empty text means the first page.
    ///
    /// # Errors
    ///
    /// [`Error::Cursor`] for any text that isn't from [`Cursor::encode`].
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
    fn a_cursor_is_encoded_losslessly() {
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
