//! Recognises data in a format that isn't JSON text, so that an error can name it.

/// The bytes before a value that a schema registry's serializer wrote: 0 and the schema's id.
/// (Confluent, "Wire format".)
const FRAMING: usize = 5;

/// What a value is that can't be JSON; `None` if it may be, or if nothing is known.
pub(crate) fn of_value(value: &[u8]) -> Option<String> {
    if let Some(framed) = framing(value) {
        return Some(framed);
    }
    let known = match value {
        [b'O', b'b', b'j', 1, ..] => "an Avro file",
        [0xc3, 0x01, ..] => "in Avro's single-object encoding",
        [0xac, 0xed, ..] => "a serialized Java object",
        // JSON text has no other control characters than white space.
        [1..=8 | 11 | 12 | 14..=31, second, ..] if *second != 0 && *second != 0x8b => {
            "binary, perhaps Avro or Protobuf"
        }
        _ => return None,
    };
    Some(known.to_owned())
}

/// What a key is that can't be plain text.
pub(crate) fn of_key(key: &[u8]) -> Option<String> {
    framing(key).or_else(|| {
        let wide = matches!(key, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) || key.contains(&0);
        wide.then(|| "in UTF-16".to_owned())
    })
}

/// A schema registry's framing. Its ids count up from 1, so the second byte is 0 as well. UTF-16
/// has a character there, and UTF-32 has one in the fourth byte.
fn framing(bytes: &[u8]) -> Option<String> {
    let (head, data) = bytes.split_first_chunk::<FRAMING>()?;
    let [0, 0, third, fourth, last] = *head else {
        return None;
    };
    let is_utf_32 = third == 0 && last == 0 && matches!(fourth, b'{' | b'\t'..=b'\r' | b' ');
    if data.is_empty() || is_utf_32 {
        return None;
    }
    let id = u32::from_be_bytes([0, third, fourth, last]);
    Some(format!(
        "in a schema registry's framing, with schema id {id}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_other_than_json_are_recognised() {
        for (value, what) in [
            (b"\0\0\0\0\x07{}".as_slice(), "schema id 7"),
            (b"\0\0\x01\x02\x03\x0ahello", "schema id 66051"),
            (b"Obj\x01\x04", "Avro file"),
            (b"\xc3\x01\x12\x34", "single-object"),
            (b"\x12\x05hello", "Avro or Protobuf"),
            (b"\xac\xed\0\x05", "Java"),
        ] {
            let found = of_value(value);
            assert!(found.is_some_and(|it| it.contains(what)), "{value:?}");
        }
    }

    #[test]
    fn text_is_not_mistaken() {
        for value in [
            b"".as_slice(),
            b"{}",
            b" \r\n\t{}",
            b"not json",
            "\u{feff}{}".as_bytes(),
            // UTF-16 and UTF-32, which have messages of their own.
            b"{\0}\0",
            b"\0{\0}",
            b"\xff\xfe{\0",
            b"\0\0\0{\0\0\0}",
            // gzip
            b"\x1f\x8b\x08",
        ] {
            assert_eq!(of_value(value), None, "{value:?}");
        }
    }
}
