use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};
use serde_json::json;

use super::*;
use crate::contract::by_function;

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other}"),
    }
}

fn field(function: &str, name: &str) -> &'static Field {
    let message = by_function(function).unwrap().input;
    message.field(name).unwrap()
}

#[test]
fn a_byte_order_mark_is_ignored() {
    let fields = parse_object(b"\xef\xbb\xbf{\"a\":1}").unwrap();
    assert_eq!(Value::Object(fields), json!({"a": 1}));
    let error = parse_object(b"\xef\xbb\xbf").unwrap_err();
    assert!(error.message.contains("empty"), "{}", error.message);
    // One mark, at the start.
    assert!(parse_object("\u{feff}\u{feff}{}".as_bytes()).is_err());
    assert!(parse_object("{}\u{feff}".as_bytes()).is_err());
}

#[test]
fn other_encodings_are_named() {
    let utf16 = |text: &str, order: fn(u16) -> [u8; 2]| -> Vec<u8> {
        text.encode_utf16().flat_map(order).collect()
    };
    for (body, part) in [
        (utf16("\u{feff}{}", u16::to_le_bytes), "UTF-16"),
        (utf16("\u{feff}{}", u16::to_be_bytes), "UTF-16"),
        (utf16("{\"a\":\"é\"}", u16::to_le_bytes), "UTF-16"),
        (utf16("{\"a\":\"é\"}", u16::to_be_bytes), "UTF-16"),
        (b"\xff\xfe\0\0{\0\0\0".to_vec(), "UTF-32"),
        (b"\0\0\0{".to_vec(), "UTF-32"),
        (b"\x1f\x8b\x08".to_vec(), "gzip"),
        (b"\x28\xb5\x2f\xfd".to_vec(), "zstd"),
        (b"{\"a\":\"\xe9\"}".to_vec(), "not UTF-8 at byte 7"),
    ] {
        let message = parse_object(&body).unwrap_err().message;
        assert!(message.contains(part), "{message}");
        assert!(message.contains("UTF-8"), "{message}");
    }
}

#[test]
fn bodies_that_are_no_object_are_refused() {
    for (body, part) in [
        (&b""[..], "empty"),
        (b"  \n", "empty"),
        (b"[1]", "JSON object"),
        (b"null", "JSON object"),
        (b"\"{}\"", "JSON object"),
        (b"{\"a\":", "line 1, column 5"),
        (b"{} {}", "line 1, column 4"),
        (b"{\"a\":NaN}", "line 1, column 6"),
        (b"{\"a\":\"\\ud800\"}", "not JSON"),
    ] {
        let message = parse_object(body).unwrap_err().message;
        assert!(message.contains(part), "{message}");
    }
    let deep = "{\"a\":".repeat(100_000);
    let message = parse_object(deep.as_bytes()).unwrap_err().message;
    assert!(message.contains("not JSON"), "{message}");
}

#[test]
fn a_key_can_not_come_twice() {
    for body in [
        r#"{"limit":1,"limit":1}"#,
        r#"{"limit":null,"limit":1}"#,
        r#"{"limit":1,"l\u0069mit":2}"#,
    ] {
        let message = parse_object(body.as_bytes()).unwrap_err().message;
        assert_eq!(message, "\"limit\" is given more than once");
    }
}

#[test]
fn a_field_has_two_names_and_one_value() {
    let message = by_function("pictures-list").unwrap().input;
    let renamed = |args: Value| {
        let mut args = object(args);
        rename(message, &mut args).map(|()| Value::Object(args))
    };
    let read = renamed(json!({"userId": "u", "metadata_only": true, "cursor": null})).unwrap();
    assert_eq!(read, json!({"user_id": "u", "metadata_only": true}));
    for args in [
        json!({"userId": "u", "user_id": "u"}),
        json!({"userId": null, "user_id": "u"}),
        json!({"userId": "u", "user_id": null}),
    ] {
        let error = renamed(args).unwrap_err();
        assert_eq!(
            error.message,
            "\"user_id\" is given more than once, also as \"userId\""
        );
    }
    // Other spellings are unknown, and stay for the validation to name.
    let odd = json!({"UserId": "u", "userid": "u", "user-id": "u"});
    assert_eq!(renamed(odd.clone()).unwrap(), odd);
}

#[test]
fn whole_numbers_are_read_as_proto_json_writes_them() {
    let limit = field("pictures-list", "limit");
    for (value, number) in [
        (json!(20), 20),
        (json!("20"), 20),
        (json!(20.0), 20),
        (json!("20.0"), 20),
        (json!("2e1"), 20),
        (json!("2E+1"), 20),
        (json!("200e-1"), 20),
        (json!(0), 0),
        (json!(-0.0), 0),
        (json!("-0"), 0),
    ] {
        let mut read = value.clone();
        decode_value(limit, &mut read).unwrap();
        assert_eq!(read, json!(number), "{value}");
    }
    let status = field("analytics-log", "status");
    for (value, part) in [
        (json!(1.5), "whole"),
        (json!("1.5"), "whole"),
        (json!(-1), "whole"),
        (json!("-1"), "whole"),
        (json!(""), "whole"),
        (json!(" 1"), "whole"),
        (json!("1 "), "whole"),
        (json!("+1"), "whole"),
        (json!("01"), "whole"),
        (json!("1."), "whole"),
        (json!("0x10"), "whole"),
        (json!("1_0"), "whole"),
        (json!("١"), "whole"),
        (json!("many"), "whole"),
        (json!(true), "whole"),
        (json!("true"), "whole"),
        (json!([1]), "whole"),
        (json!({}), "whole"),
        (json!("NaN"), "whole"),
        (json!("1e400"), "whole"),
        (json!(4_294_967_296_u64), "at most 599"),
        (json!(1e300), "at most 599"),
        (json!("18446744073709551616"), "at most 599"),
    ] {
        let error = decode_value(status, &mut value.clone()).unwrap_err();
        assert!(error.contains(part), "{value}: {error}");
    }
}

#[test]
fn a_number_must_be_finite() {
    let duration = field("analytics-log", "duration_ms");
    for (value, number) in [
        (json!(1.5), 1.5),
        (json!(-3), -3.0),
        (json!("1.5"), 1.5),
        (json!("1e3"), 1000.0),
    ] {
        let mut read = value.clone();
        decode_value(duration, &mut read).unwrap();
        assert_eq!(read.as_f64(), Some(number), "{value}");
    }
    for (value, part) in [
        ("NaN", "finite"),
        ("Infinity", "finite"),
        ("-Infinity", "finite"),
        ("nan", "a number"),
        ("inf", "a number"),
        ("1e400", "a number"),
        ("", "a number"),
        (" 1", "a number"),
        ("+1", "a number"),
    ] {
        let error = decode_value(duration, &mut json!(value)).unwrap_err();
        assert!(error.contains(part), "{value}: {error}");
    }
    assert!(decode_value(duration, &mut json!([])).is_err());
}

#[test]
fn other_types_have_one_form() {
    let text = field("pictures-list", "cursor");
    let flag = field("pictures-list", "metadata_only");
    let time = field("analytics-get", "since");
    assert!(decode_value(text, &mut json!("7")).is_ok());
    for value in [json!(7), json!(true), json!([]), json!({})] {
        assert!(decode_value(text, &mut value.clone()).is_err(), "{value}");
    }
    assert!(decode_value(flag, &mut json!(false)).is_ok());
    for value in [json!("true"), json!(1), json!("1"), json!([])] {
        assert!(decode_value(flag, &mut value.clone()).is_err(), "{value}");
    }
    let mut value = json!("2026-01-31t13:00:00.50+01:00");
    decode_value(time, &mut value).unwrap();
    assert_eq!(value, "2026-01-31T12:00:00.500Z");
    for value in [
        json!("2026-01-31"),
        json!(1_769_860_800),
        json!({"seconds": 1}),
    ] {
        let error = decode_value(time, &mut value.clone()).unwrap_err();
        assert!(error.contains("RFC 3339"), "{value}: {error}");
    }
}

/// What is read is what protobuf's own mapping reads, and what it writes is read.
#[test]
fn the_decoder_agrees_with_protobufs_mapping() {
    let set = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
    let pool = DescriptorPool::decode(set.as_slice()).unwrap();
    let values = [
        json!(null),
        json!(true),
        json!(false),
        json!("true"),
        json!(0),
        json!(7),
        json!(7.0),
        json!(70e-1),
        json!(7.5),
        json!(-7),
        json!("7"),
        json!("-7"),
        json!("7.5"),
        json!(4_294_967_295_u32),
        json!(4_294_967_296_u64),
        json!(1e30),
        json!(""),
        json!("text"),
        json!("2026-01-31T12:00:00Z"),
        json!("2026-01-31T13:00:00.25+01:00"),
        json!("2026-01-31T12:00:00"),
        json!("2026-01-31"),
        json!([]),
        json!([7]),
        json!({}),
    ];
    let mut read = 0;
    for operation in crate::contract::OPERATIONS {
        let descriptor = pool.get_message_by_name(operation.input.name).unwrap();
        // Bytes stay text here.
        let fields = operation.input.fields.iter();
        for field in fields.filter(|field| !matches!(field.kind, Kind::Bytes)) {
            for (value, name) in values
                .iter()
                .flat_map(|value| [(value, field.name), (value, field.json_name)])
            {
                let args = object(json!({name: value}));
                let theirs =
                    DynamicMessage::deserialize(descriptor.clone(), Value::Object(args.clone()));
                let mut ours = args.clone();
                let outcome = decode(operation.input, &mut ours);
                // The limit of a rule is checked later.
                let what = format!(
                    "{}.{name} = {value}: {outcome:?}, {theirs:?}",
                    operation.function
                );
                let Ok(theirs) = theirs else {
                    assert!(outcome.is_err(), "{what}");
                    continue;
                };
                assert!(outcome.is_ok(), "{what}");
                let back =
                    DynamicMessage::deserialize(descriptor.clone(), Value::Object(ours.clone()));
                assert_eq!(back.unwrap(), theirs, "{what}");
                // What they write is read, too.
                let options = SerializeOptions::new().skip_default_fields(false);
                let written = theirs
                    .serialize_with_options(serde_json::value::Serializer, &options)
                    .unwrap();
                let mut again = object(written);
                decode(operation.input, &mut again).unwrap();
                let back = DynamicMessage::deserialize(descriptor.clone(), Value::Object(again));
                assert_eq!(
                    back.unwrap().encode_to_vec(),
                    theirs.encode_to_vec(),
                    "{what}"
                );
                read += 1;
            }
        }
    }
    assert!(read > 100, "{read}");
}

#[test]
fn escapes_are_decoded_as_by_serde_json() {
    for json in [
        r#""""#,
        r#""plain é""#,
        r#""\" \\ \/ \b\f\n\r\t""#,
        r#""\u0041\u00e9\u20AC \ud83d\ude00.""#,
        r#""\\u0041\\""#,
    ] {
        let expected: String = serde_json::from_str(json).unwrap();
        let read = unquote(json).unwrap();
        assert_eq!(read, expected);
        assert!(read.capacity() <= json.len());
    }
    for json in [
        r#""\ud83d""#,
        r#""\ud83d\n""#,
        r#""\ud83dA""#,
        r#""\ud83d\u0041""#,
        r#""\ude00""#,
    ] {
        assert!(unquote(json).is_err(), "{json}");
    }
    assert!(unquote("7").is_err());
}
