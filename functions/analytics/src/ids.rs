//! The ids of entries: a call that is logged twice gets the same id.

use uuid::Uuid;

/// The namespace of the derived ids (RFC 9562, version 5). It must never change: a record that
/// is redelivered after an upgrade would become a second entry.
const NAMESPACE: Uuid = Uuid::from_u128(0x6c0f_5a1e_92d3_4b7e_8a41_0d7f_36c2_e915);

/// The id of an entry that a caller logs with an idempotency key. It depends on the caller, so
/// that no caller can take the id of another's entry.
pub(crate) fn of_key(caller: &str, key: &str) -> Uuid {
    derive(&["key", caller, key])
}

/// The id of a record that has none: its position is unique.
pub(crate) fn of_position(stream: &str, offset: i64) -> Uuid {
    derive(&["position", stream, &offset.to_string()])
}

/// The id of a message in a queue that has none.
pub(crate) fn of_message(id: &str) -> Uuid {
    derive(&["message", id])
}

/// The entry's own id. If it isn't a UUID, one is derived from it.
pub(crate) fn of_text(text: &str) -> Option<Uuid> {
    match text {
        "" => None,
        text => Some(Uuid::try_parse(text).unwrap_or_else(|_| derive(&["id", text]))),
    }
}

/// Derives an id. Each part is preceded by its length, so that different lists of parts have
/// different names.
fn derive(parts: &[&str]) -> Uuid {
    let mut name = String::new();
    for part in parts {
        name.push_str(&part.len().to_string());
        name.push(':');
        name.push_str(part);
    }
    Uuid::new_v5(&NAMESPACE, name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_source_has_the_same_id() {
        assert_eq!(of_key("u", "k"), of_key("u", "k"));
        assert_ne!(of_key("u", "k"), of_key("v", "k"));
        assert_ne!(of_key("ab", "c"), of_key("a", "bc"));
        assert_ne!(of_position("t-0", 1), of_position("t-0", 2));
        assert_ne!(of_position("t-1", 2), of_position("t-12", 2));
    }

    #[test]
    fn derived_ids_do_not_change_between_releases() {
        assert_eq!(
            of_position("analyticsdata-0", 42).to_string(),
            "9c9b2ff9-170a-5999-bb58-929102f43451"
        );
    }

    #[test]
    fn a_uuid_is_kept_and_any_other_id_is_hashed() {
        let id = "0190a5f2-7c1e-7b57-a6a2-2f2c0a4f1a11";
        assert_eq!(of_text(id).unwrap().to_string(), id);
        assert_eq!(of_text("call 7"), of_text("call 7"));
        assert_ne!(of_text("call 7"), of_text("call 8"));
        assert_eq!(of_text(""), None);
    }
}
