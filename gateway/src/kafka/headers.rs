//! Reads a record's headers.

use rdkafka::message::{Headers as _, Message as _, OwnedMessage};

/// The value of a header that isn't text. No header's rules allow it, so the header counts as
/// given and invalid.
const NOT_TEXT: &str = "\u{fffd}";

/// A header's value, by its lower-case name. The last one counts if the record has several; see
/// [`trichrome_proto::wire::record`].
pub(crate) fn header<'a>(message: &'a OwnedMessage, name: &str) -> Option<&'a str> {
    let last = message
        .headers()?
        .iter()
        .filter(|header| header.key.eq_ignore_ascii_case(name))
        .last()?;
    let text = last.value.and_then(|value| std::str::from_utf8(value).ok());
    Some(text.unwrap_or(NOT_TEXT))
}

#[cfg(test)]
pub(crate) mod tests {
    use rdkafka::{
        Timestamp,
        message::{Header, OwnedHeaders},
    };

    use super::*;

    /// A record without a value, with these headers.
    pub(crate) fn record(offset: i64, headers: &[(&str, Option<&[u8]>)]) -> OwnedMessage {
        let headers = headers
            .iter()
            .fold(OwnedHeaders::new(), |all, (key, value)| {
                all.insert(Header { key, value: *value })
            });
        let created = Timestamp::CreateTime(1);
        OwnedMessage::new(None, None, "auth".into(), created, 0, offset, Some(headers))
    }

    #[test]
    fn names_are_case_insensitive() {
        let record = record(1, &[("Authorization", Some(b"Bearer t"))]);
        assert_eq!(header(&record, "authorization"), Some("Bearer t"));
        assert_eq!(header(&record, "traceparent"), None);
    }

    #[test]
    fn the_last_value_of_every_header_counts() {
        for name in [
            "authorization",
            "idempotency-key",
            "operation",
            "traceparent",
        ] {
            let upper = name.to_uppercase();
            let values = [
                (name, Some(b"1".as_slice())),
                ("x", None),
                (&*upper, Some(b"2")),
            ];
            assert_eq!(header(&record(1, &values), name), Some("2"), "{name}");
        }
    }

    #[test]
    fn a_value_that_is_not_text_is_given_but_invalid() {
        for value in [None, Some(b"\xff".as_slice())] {
            let values = [("deadline", Some(b"1".as_slice())), ("deadline", value)];
            assert_eq!(header(&record(1, &values), "deadline"), Some(NOT_TEXT));
        }
    }
}
