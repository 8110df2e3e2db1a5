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

/// The cursor after this picture of this user.
pub(crate) fn after(user_id: &str, picture_id: Uuid) -> String {
    let mut bytes = Vec::with_capacity(1 + CHECK_BYTES + 16);
    bytes.push(VERSION);
    bytes.extend_from_slice(&check(user_id, picture_id));
    bytes.extend_from_slice(picture_id.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The picture after which a list continues.
///
/// # Errors
/// [`Error::Cursor`] if the text isn't a cursor of this user.
pub(crate) fn read(user_id: &str, cursor: &str) -> Result<Uuid, Error> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| Error::Cursor)?;
    let Some((&VERSION, rest)) = bytes.split_first() else {
        return Err(Error::Cursor);
    };
    let (found, id) = rest.split_at_checked(CHECK_BYTES).ok_or(Error::Cursor)?;
    let id = Uuid::from_slice(id).map_err(|_| Error::Cursor)?;
    if found == check(user_id, id) {
        Ok(id)
    } else {
        Err(Error::Cursor)
    }
}

fn check(user_id: &str, picture_id: Uuid) -> [u8; CHECK_BYTES] {
    let hash = Sha256::new()
        .chain_update(b"pictures cursor")
        .chain_update(picture_id.as_bytes())
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
        let id = Uuid::now_v7();
        let cursor = after("ann", id);
        assert_eq!(read("ann", &cursor).unwrap(), id);
        assert!(matches!(read("bob", &cursor), Err(Error::Cursor)));
    }

    #[test]
    fn garbage_is_refused() {
        let cursor = after("ann", Uuid::now_v7());
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
