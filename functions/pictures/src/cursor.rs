//! Where a list continues: opaque to clients, and valid for one user's list only.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::Error;

/// The first byte. Another layout must have another version.
const VERSION: u8 = 1;

/// The length of the hash by which garbage and cursors of other users are detected. It isn't a
/// secret: a forged cursor only selects a position in the caller's own list.
const CHECK_BYTES: usize = 8;

/// The place of a picture in a list. The picture may have been deleted since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) picture_id: Uuid,
    /// By what the list is sorted; empty if it is by id.
    pub(crate) time: String,
}

impl Place {
    /// A place in a list by id.
    pub(crate) fn of(picture_id: Uuid) -> Self {
        Self {
            picture_id,
            time: String::new(),
        }
    }
}

/// The cursor of what follows this place of this user's list.
pub(crate) fn after(user_id: &str, Place { picture_id, time }: &Place) -> String {
    let mut bytes = Vec::with_capacity(1 + CHECK_BYTES + 16 + time.len());
    bytes.push(VERSION);
    bytes.extend_from_slice(&[0; CHECK_BYTES]);
    bytes.extend_from_slice(picture_id.as_bytes());
    bytes.extend_from_slice(time.as_bytes());
    let check = check(user_id, &bytes[1 + CHECK_BYTES..]);
    bytes[1..=CHECK_BYTES].copy_from_slice(&check);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The place after which a list continues.
///
/// # Errors
/// [`Error::Cursor`] if the text isn't a cursor of this user.
pub(crate) fn read(user_id: &str, cursor: &str) -> Result<Place, Error> {
    parse(user_id, cursor).ok_or(Error::Cursor)
}

fn parse(user_id: &str, cursor: &str) -> Option<Place> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let (&VERSION, rest) = bytes.split_first()? else {
        return None;
    };
    let (found, place) = rest.split_at_checked(CHECK_BYTES)?;
    if found != check(user_id, place) {
        return None;
    }
    let (picture_id, time) = place.split_at_checked(16)?;
    Some(Place {
        picture_id: Uuid::from_slice(picture_id).ok()?,
        time: String::from_utf8(time.to_vec()).ok()?,
    })
}

fn check(user_id: &str, place: &[u8]) -> [u8; CHECK_BYTES] {
    let hash = Sha256::new()
        .chain_update(b"pictures cursor")
        .chain_update(place)
        .chain_update(user_id)
        .finalize();
    let mut check = [0; CHECK_BYTES];
    check.copy_from_slice(&hash[..CHECK_BYTES]);
    check
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_valid_for_its_own_user_only() {
        for time in ["", "2026-07-14T18:03:21.25"] {
            let place = Place {
                picture_id: Uuid::now_v7(),
                time: time.to_owned(),
            };
            let cursor = after("ann", &place);
            assert_eq!(read("ann", &cursor).unwrap(), place);
            assert!(matches!(read("bob", &cursor), Err(Error::Cursor)));
        }
    }

    #[test]
    fn garbage_is_refused() {
        let cursor = after("ann", &Place::of(Uuid::now_v7()));
        for length in 0..cursor.len() {
            assert!(read("ann", &cursor[..length]).is_err(), "{length}");
        }
        for garbage in [
            "x",
            "AAAA",
            "not base64!",
            &format!("{cursor}A"),
            &format!("{cursor}="),
        ] {
            assert!(read("ann", garbage).is_err(), "{garbage}");
        }
        for place in 0..cursor.len() {
            let mut changed = cursor.clone().into_bytes();
            changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(read("ann", &changed).is_err(), "{changed}");
        }
    }
}
