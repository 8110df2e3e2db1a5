//! Reads a validated request into its message type.

use serde::{
    Deserializer,
    de::{DeserializeOwned, IntoDeserializer, Visitor, value::MapDeserializer},
    forward_to_deserialize_any,
};
use serde_json::{Map, Value};

use crate::{
    bytes,
    contract::{Kind, Message},
    error::ApiError,
};

/// Bytes that aren't in a request's JSON, and the field that they fill.
pub type Raw = (&'static str, Vec<u8>);

/// Reads a request's fields, and those that aren't JSON, into the message's type. Bytes are moved,
/// not copied: they may be a picture.
///
/// # Errors
///
/// `INVALID_ARGUMENT` for a field of type `bytes` that isn't base64, or fields that don't fit the
/// type, which [`crate::validate::request`] excludes.
pub fn read<T: DeserializeOwned>(
    message: &Message,
    mut fields: Map<String, Value>,
    raw: Option<Raw>,
) -> Result<T, ApiError> {
    let mut bytes: Vec<Raw> = raw.into_iter().collect();
    let of_bytes = message.fields.iter();
    for field in of_bytes.filter(|field| matches!(field.kind, Kind::Bytes)) {
        if let Some(Value::String(text)) = fields.remove(field.name) {
            let decoded = bytes::decode(&text).ok_or_else(|| {
                let name = field.name;
                ApiError::invalid(format!("\"{name}\" must be base64 (RFC 4648)"))
            })?;
            bytes.push((field.name, decoded));
        }
    }
    let json = fields
        .into_iter()
        .map(|(name, value)| (name, Part::Json(value)));
    let bytes = bytes
        .into_iter()
        .map(|(name, bytes)| (name.to_owned(), Part::Bytes(bytes)));
    T::deserialize(MapDeserializer::new(json.chain(bytes)))
        .map_err(|error: serde_json::Error| ApiError::invalid(error.to_string()))
}

/// A field's value.
enum Part {
    Json(Value),
    Bytes(Vec<u8>),
}

impl IntoDeserializer<'_, serde_json::Error> for Part {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Part {
    type Error = serde_json::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self {
            Self::Json(value) => value.deserialize_any(visitor),
            Self::Bytes(bytes) => visitor.visit_byte_buf(bytes),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self {
            Self::Json(value) => value.deserialize_option(visitor),
            bytes @ Self::Bytes(_) => visitor.visit_some(bytes),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        analytics::GetLogRequest, contract::by_function, error::ErrorCode,
        pictures::CreateUserPictureRequest,
    };

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn bytes_are_moved_into_the_message() {
        let create = by_function("pictures-create").unwrap().input;
        let bytes = vec![0xff; 100];
        let place = bytes.as_ptr();
        let fields = object(json!({"title": "t"}));
        let read: CreateUserPictureRequest =
            read(create, fields, Some(("content", bytes))).unwrap();
        assert_eq!((read.title.as_str(), read.content.as_ptr()), ("t", place));
    }

    #[test]
    fn bytes_in_json_are_base64() {
        let create = by_function("pictures-create").unwrap().input;
        let with = |content: &str| {
            let fields = object(json!({"title": "t", "content": content}));
            read::<CreateUserPictureRequest>(create, fields, None)
        };
        assert_eq!(with("_-8").unwrap().content, [0xff, 0xef]);
        let error = with("?").unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidArgument);
        assert!(error.message.contains("\"content\" must be base64"));
    }

    #[test]
    fn other_types_are_read_as_by_serde_json() {
        let logs = by_function("analytics-get").unwrap().input;
        let fields = json!({"limit": 3, "since": "2026-01-31T12:00:00Z", "totals": true});
        let expected: GetLogRequest = serde_json::from_value(fields.clone()).unwrap();
        assert_eq!(
            read::<GetLogRequest>(logs, object(fields), None),
            Ok(expected)
        );
    }
}
