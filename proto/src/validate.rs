//! Validates requests against the contract's rules.

use serde_json::{Map, Value};

use crate::{
    contract::{Field, Format, Kind, Message},
    error::ApiError,
    json,
};

/// Reads a request from JSON ([`crate::json`]) and checks it against its message: unknown fields,
/// types and rules.
///
/// Afterwards it has the form that its type deserializes: proto names, no `null`, numbers as
/// numbers, UUIDs in lower case.
///
/// # Errors
///
/// [`ErrorCode::InvalidArgument`](crate::error::ErrorCode::InvalidArgument), naming the
/// field and its rule. The message never contains values.
pub fn request(message: &Message, args: &mut Map<String, Value>) -> Result<(), ApiError> {
    json::rename(message, args)?;
    if let Some(unknown) = args.keys().find(|name| message.field(name).is_none()) {
        return Err(ApiError::invalid(unknown_field(message, unknown)));
    }
    for field in message.fields {
        match args.get_mut(field.name) {
            Some(value) => check(field, value)
                .map_err(|must| ApiError::invalid(format!("\"{}\" {must}", field.name)))?,
            None if field.rules.required => {
                return Err(ApiError::invalid(format!("\"{}\" is required", field.name)));
            }
            None => {}
        }
    }
    Ok(())
}

fn unknown_field(message: &Message, name: &str) -> String {
    let name = json::shortened(name);
    let known: Vec<_> = message.fields.iter().map(|field| field.name).collect();
    if known.is_empty() {
        format!("unknown field {name:?}; this request takes none")
    } else {
        format!("unknown field {name:?}; known are {}", known.join(", "))
    }
}

/// The error completes the sentence "the field …".
fn check(field: &Field, value: &mut Value) -> Result<(), String> {
    json::decode_value(field, value)?;
    match (&field.kind, value) {
        (_, Value::Array(items)) => check_list(field, items),
        (Kind::String, Value::String(text)) => check_text(field, text),
        (Kind::Uint32, value) => check_number(field, value.as_u64().unwrap_or_default()),
        _ => Ok(()),
    }
}

fn check_list(field: &Field, items: &mut [Value]) -> Result<(), String> {
    if items.is_empty() && field.rules.required {
        return Err("is required".to_owned());
    }
    if let Some(most) = field.rules.max_items
        && items.len() > most as usize
    {
        return Err(format!("must have at most {most} items"));
    }
    for item in items {
        if let Value::String(text) = item {
            if text.is_empty() {
                return Err("must not have empty items".to_owned());
            }
            check_text(field, text)?;
        }
    }
    Ok(())
}

fn check_number(field: &Field, number: u64) -> Result<(), String> {
    let most = field.rules.lte.unwrap_or(u32::MAX);
    let least = field.rules.gte;
    if number > u64::from(most) {
        Err(format!("must be at most {most}"))
    } else if number != 0 && number < u64::from(least) {
        Err(format!("must be at least {least}"))
    } else {
        Ok(())
    }
}

fn check_text(field: &Field, text: &mut str) -> Result<(), String> {
    let rules = &field.rules;
    if text.is_empty() {
        return if rules.required {
            Err("is required".to_owned())
        } else {
            Ok(())
        };
    }
    // A picture has megabytes of text. Its decoder checks it.
    if rules.format == Format::Base64 {
        return Ok(());
    }
    let length = text.chars().count();
    if length < rules.min_len as usize {
        let least = rules.min_len;
        return Err(format!("must be at least {least} characters long"));
    }
    if let Some(most) = rules.max_len
        && length > most as usize
    {
        return Err(format!("must be at most {most} characters long"));
    }
    match rules.format {
        Format::Line if text.chars().any(char::is_control) => {
            Err("must not contain control characters".to_owned())
        }
        Format::Uuid if !is_uuid(text) => Err("must be a UUID".to_owned()),
        Format::Uuid => {
            text.make_ascii_lowercase();
            Ok(())
        }
        Format::Line | Format::Secret | Format::Base64 | Format::Link => Ok(()),
    }
}

/// Whether a text is a UUID in the hyphenated form of RFC 9562, section 4.
fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::contract::{Rules, by_function};

    fn outcome(function: &str, args: Value) -> Result<Value, String> {
        let Value::Object(mut args) = args else {
            panic!("not an object");
        };
        request(by_function(function).unwrap().input, &mut args)
            .map(|()| Value::Object(args))
            .map_err(|error| error.message)
    }

    fn refused(function: &str, args: Value, part: &str) {
        let message = outcome(function, args).unwrap_err();
        assert!(message.contains(part), "{message:?} lacks {part:?}");
    }

    #[test]
    fn accepts_good_requests() {
        outcome(
            "auth-signup",
            json!({"username": "u", "password": "long enough"}),
        )
        .unwrap();
        outcome("pictures-list", json!({})).unwrap();
        outcome(
            "analytics-get",
            json!({"since": "2026-01-31T12:00:00Z", "totals": true}),
        )
        .unwrap();
    }

    #[test]
    fn removes_nulls_and_lowers_uuids() {
        let id = "0190A1B2-0000-7000-8000-000000000ABC";
        assert_eq!(
            outcome("pictures-get", json!({"picture_id": id, "user_id": null})).unwrap(),
            json!({"picture_id": id.to_lowercase()})
        );
    }

    #[test]
    fn refuses_bad_requests_with_the_rule() {
        refused(
            "auth-signup",
            json!({"username": "u"}),
            "\"password\" is required",
        );
        refused(
            "auth-signup",
            json!({"username": "", "password": "long enough"}),
            "required",
        );
        refused(
            "auth-signup",
            json!({"username": "u", "password": "short"}),
            "at least 8",
        );
        refused(
            "auth-signup",
            json!({"username": "u\u{7}", "password": "long enough"}),
            "control",
        );
        refused(
            "auth-signup",
            json!({"username": "u".repeat(256), "password": "long enough"}),
            "at most 255",
        );
        refused(
            "auth-signup",
            json!({"username": 7, "password": "long enough"}),
            "must be text",
        );
        refused(
            "auth-signup",
            json!({"user": "u"}),
            "unknown field \"user\"; known are username, password",
        );
        refused("pictures-get", json!({"picture_id": "7"}), "UUID");
        refused("pictures-list", json!({"limit": 101}), "at most 100");
        refused("pictures-list", json!({"limit": -1}), "whole number");
        refused(
            "pictures-list",
            json!({"limit": 4_294_967_296_u64}),
            "at most 100",
        );
        refused(
            "pictures-list",
            json!({"metadata_only": "yes"}),
            "true or false",
        );
        refused("analytics-get", json!({"since": "yesterday"}), "RFC 3339");
    }

    /// No field of the contract has a minimum yet.
    #[test]
    fn a_minimum_leaves_out_zero() {
        let field = Field {
            name: "count",
            json_name: "count",
            kind: Kind::Uint32,
            repeated: false,
            rules: Rules {
                required: false,
                min_len: 0,
                max_len: None,
                format: Format::Line,
                gte: 3,
                lte: Some(5),
                max_items: None,
            },
            doc: "",
        };
        for (number, outcome) in [
            (0, Ok(())),
            (2, Err("must be at least 3".to_owned())),
            (3, Ok(())),
            (5, Ok(())),
            (6, Err("must be at most 5".to_owned())),
        ] {
            assert_eq!(check(&field, &mut json!(number)), outcome, "{number}");
        }
    }

    #[test]
    fn lists_are_checked_item_by_item() {
        let begin = |checksums: Value| {
            outcome(
                "uploads-begin",
                json!({"title": "t", "size_bytes": 1, "content_type": "image/png", "checksums": checksums}),
            )
        };
        begin(json!(["a", "b"])).unwrap();
        for (checksums, part) in [
            (json!([]), "is required"),
            (json!("a"), "must be a list"),
            (json!(["a", 1]), "each item of which must be text"),
            (json!([["a"]]), "each item of which must be text"),
            (json!(["a", ""]), "empty items"),
            (json!(["a\n"]), "control"),
            (json!(vec!["a"; 1001]), "at most 1000 items"),
        ] {
            let message = begin(checksums).unwrap_err();
            assert!(message.contains(part), "{message:?} lacks {part:?}");
        }
    }

    #[test]
    fn measures_text_in_characters() {
        outcome(
            "auth-signup",
            json!({"username": "é".repeat(255), "password": "long enough"}),
        )
        .unwrap();
    }

    #[test]
    fn errors_never_contain_values() {
        let secret = "s3cret";
        let message =
            outcome("auth-signup", json!({"username": "u", "password": secret})).unwrap_err();
        assert!(!message.contains(secret));
    }
}
