//! Reads requests from JSON, as proto3's JSON mapping (ProtoJSON) defines it.
//!
//! The functions read every request with this decoder, whatever its transport. The gateway uses
//! it where it needs a field itself. It turns an object into the form that the message types
//! deserialize: proto field names, numbers as numbers, times in UTC.

use std::{fmt, str::Chars};

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, Visitor},
};
use serde_json::{Map, Number, Value, value::RawValue};

use crate::{
    contract::{Field, Kind, Message},
    error::ApiError,
    timestamp,
};

/// The byte order mark in UTF-8. RFC 8259, section 8.1, allows parsers to ignore it.
const BOM: char = '\u{feff}';

/// The text of a JSON body.
///
/// # Errors
///
/// `INVALID_ARGUMENT` if it isn't UTF-8. The message names the encoding where its first bytes
/// show it.
pub fn text(body: &[u8]) -> Result<&str, ApiError> {
    let encoding = match body {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, ..] => Some("in UTF-32"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, _, ..] | [_, 0, ..] => Some("in UTF-16"),
        [0x1f, 0x8b, ..] => Some("compressed with gzip"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some("compressed with zstd"),
        _ => None,
    };
    if let Some(encoding) = encoding {
        return Err(ApiError::invalid(format!(
            "the body is {encoding}; send JSON in UTF-8, uncompressed"
        )));
    }
    std::str::from_utf8(body).map_err(|error| {
        ApiError::invalid(format!(
            "the body is not UTF-8 at byte {}; send JSON in UTF-8, not in Latin-1 or UTF-16",
            error.valid_up_to() + 1
        ))
    })
}

/// Removes a byte order mark from the start of a text.
pub fn without_bom(text: &str) -> &str {
    text.strip_prefix(BOM).unwrap_or(text)
}

/// Parses a JSON object, the shape of every request message.
///
/// # Errors
///
/// `INVALID_ARGUMENT`, saying where the text stops being JSON, or which field it has twice.
pub fn parse_object(body: &[u8]) -> Result<Map<String, Value>, ApiError> {
    let text = without_bom(text(body)?);
    if text.trim_ascii().is_empty() {
        return Err(ApiError::invalid(
            "the body is empty; it must be a JSON object",
        ));
    }
    match serde_json::from_str(text) {
        Ok(Object {
            fields,
            repeated: None,
        }) => Ok(fields),
        Ok(Object {
            repeated: Some(name),
            ..
        }) => Err(given_twice(&name)),
        // Of a field's value, only serde_json's own parser knows the place of an error.
        Err(error) if error.is_data() => match serde_json::from_str::<Value>(text) {
            Err(error) => Err(not_json(&error)),
            Ok(_) => Err(ApiError::invalid("the body must be a JSON object")),
        },
        Err(error) => Err(not_json(&error)),
    }
}

/// The error for a body that isn't JSON. Says where, and shows nothing of it.
pub fn not_json(error: &serde_json::Error) -> ApiError {
    ApiError::invalid(format!(
        "the body is not JSON: line {}, column {}",
        error.line(),
        error.column()
    ))
}

/// The error for a field that a request has more than once.
pub fn given_twice(name: &str) -> ApiError {
    ApiError::invalid(format!("\"{}\" is given more than once", shortened(name)))
}

/// The start of a name that a caller chose.
pub(crate) fn shortened(name: &str) -> String {
    name.chars().take(64).collect()
}

/// An object, and a name that it has twice.
struct Object {
    fields: Map<String, Value>,
    repeated: Option<String>,
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Object, A::Error> {
                let mut object = Object {
                    fields: Map::new(),
                    repeated: None,
                };
                while let Some((name, value)) = from.next_entry::<String, &'de RawValue>()? {
                    let value = match value.get() {
                        text if text.starts_with('"') => {
                            Value::String(unquote(text).map_err(A::Error::custom)?)
                        }
                        other => serde_json::from_str(other).map_err(A::Error::custom)?,
                    };
                    if object.fields.contains_key(&name) {
                        object.repeated = Some(name);
                    } else {
                        object.fields.insert(name, value);
                    }
                }
                Ok(object)
            }
        }
        from.deserialize_map(Fields)
    }
}

/// Decodes a JSON string.
///
/// `serde_json` collects a string with escapes in a growing buffer and copies it from there, which
/// takes three times a picture's memory instead of once.
///
/// # Errors
///
/// `INVALID_ARGUMENT` if it isn't one.
pub fn unquote(quoted: &str) -> Result<String, ApiError> {
    let quotes = quoted.strip_prefix('"');
    let mut rest = quotes
        .and_then(|text| text.strip_suffix('"'))
        .ok_or_else(|| ApiError::invalid("a value must be text"))?;
    let mut text = String::with_capacity(rest.len());
    while let Some((plain, escaped)) = rest.split_once('\\') {
        let mut chars = escaped.chars();
        let character = escape(&mut chars)
            .ok_or_else(|| ApiError::invalid("the body is not JSON: invalid escape"))?;
        text.push_str(plain);
        text.push(character);
        rest = chars.as_str();
    }
    text.push_str(rest);
    Ok(text)
}

/// Decodes an escape after its backslash (RFC 8259, section 7).
fn escape(chars: &mut Chars<'_>) -> Option<char> {
    Some(match chars.next()? {
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => {
            let first = unit(chars)?;
            let second = if matches!(first, 0xd800..0xdc00) {
                *chars = chars.as_str().strip_prefix("\\u")?.chars();
                Some(unit(chars)?)
            } else {
                None
            };
            char::decode_utf16([first].into_iter().chain(second))
                .next()?
                .ok()?
        }
        itself => itself,
    })
}

/// A UTF-16 code unit of four hexadecimal digits.
fn unit(chars: &mut Chars<'_>) -> Option<u16> {
    let (digits, rest) = chars.as_str().split_at_checked(4)?;
    *chars = rest.chars();
    u16::from_str_radix(digits, 16).ok()
}

/// Gives fields their proto names: a request may name `user_id` as `userId`, too. Fields that are
/// `null` count as left out and are removed. Unknown fields stay.
///
/// # Errors
///
/// `INVALID_ARGUMENT` for a field that is given under both names.
pub fn rename(message: &Message, args: &mut Map<String, Value>) -> Result<(), ApiError> {
    for field in message.fields {
        if field.json_name == field.name {
            continue;
        }
        let Some(value) = args.remove(field.json_name) else {
            continue;
        };
        if args.insert(field.name.to_owned(), value).is_some() {
            return Err(ApiError::invalid(format!(
                "\"{}\" is given more than once, also as \"{}\"",
                field.name, field.json_name
            )));
        }
    }
    args.retain(|_, value| !value.is_null());
    Ok(())
}

/// Reads a request into its normal form. Unknown fields stay: [`crate::validate::request`] refuses
/// them.
///
/// # Errors
///
/// `INVALID_ARGUMENT`, naming a field that is given under both names or has another type.
pub fn decode(message: &Message, args: &mut Map<String, Value>) -> Result<(), ApiError> {
    rename(message, args)?;
    for field in message.fields {
        if let Some(value) = args.get_mut(field.name) {
            decode_value(field, value)
                .map_err(|must| ApiError::invalid(format!("\"{}\" {must}", field.name)))?;
        }
    }
    Ok(())
}

/// Reads a field's value into its normal form.
///
/// # Errors
///
/// What the field must be: the end of a sentence that starts with the field's name.
pub(crate) fn decode_value(field: &Field, value: &mut Value) -> Result<(), String> {
    if !field.repeated {
        return decode_single(field, value);
    }
    let Value::Array(items) = value else {
        return Err("must be a list".to_owned());
    };
    items
        .iter_mut()
        .try_for_each(|item| decode_single(field, item))
        .map_err(|must| format!("is a list, each item of which {must}"))
}

fn decode_single(field: &Field, value: &mut Value) -> Result<(), String> {
    match field.kind {
        Kind::String if value.is_string() => Ok(()),
        Kind::String => Err("must be text".to_owned()),
        // Text of megabytes, which is decoded only once, into the message.
        Kind::Bytes if value.is_string() => Ok(()),
        Kind::Bytes => Err("must be base64".to_owned()),
        Kind::Bool if value.is_boolean() => Ok(()),
        Kind::Bool => Err("must be true or false".to_owned()),
        Kind::Uint32 => {
            let number = number(value).and_then(|number| whole(&number));
            let number = number.ok_or("must be a whole number, 0 or more")?;
            let most = field.rules.lte.unwrap_or(u32::MAX);
            if number > u64::from(u32::MAX) {
                return Err(format!("must be at most {most}"));
            }
            *value = number.into();
            Ok(())
        }
        Kind::Double => match number(value) {
            Some(number) => {
                *value = Value::Number(number);
                Ok(())
            }
            None if is_not_finite(value) => Err("must be a finite number".to_owned()),
            None => Err("must be a number".to_owned()),
        },
        Kind::Timestamp => {
            let text = value.as_str().unwrap_or_default();
            let time = timestamp::parse(text).map_err(|error| error.to_string())?;
            *value = time.to_string().into();
            Ok(())
        }
        Kind::Message(_) if value.is_object() => Ok(()),
        Kind::Message(_) => Err("must be an object".to_owned()),
    }
}

/// A JSON number, or text that is one.
fn number(value: &Value) -> Option<Number> {
    match value {
        Value::Number(number) => Some(number.clone()),
        // White space around it would be JSON, but not a number.
        Value::String(text) if text.trim_ascii() == text => serde_json::from_str(text).ok(),
        _ => None,
    }
}

/// A number without a fraction, 0 or more. `2e2` and `200.0` are such numbers.
fn whole(number: &Number) -> Option<u64> {
    number.as_u64().or_else(|| {
        let float = number.as_f64()?;
        // The conversion saturates, and only numbers up to 2^32 are used.
        (float >= 0.0 && float.fract() == 0.0).then_some(float as u64)
    })
}

/// ProtoJSON's names for the numbers that JSON lacks. No field takes them.
fn is_not_finite(value: &Value) -> bool {
    matches!(value.as_str(), Some("NaN" | "Infinity" | "-Infinity"))
}

#[cfg(test)]
mod tests;
