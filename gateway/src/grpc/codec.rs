//! Converts messages between protobuf, by their descriptors, and JSON.
//!
//! One codec serves every message of the contract, so operations need no generated server and
//! no code of their own.

use bytes::{Buf as _, Bytes};
use prost::Message as _;
use prost_reflect::{DeserializeOptions, DynamicMessage, MessageDescriptor, SerializeOptions};
use serde_json::{Map, Value};
use tonic::{
    Status,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
};
use trichrome_proto::error::ApiError;

use super::status;
use crate::call::fault::internal;

/// Decodes messages of one type; encodes messages of any type.
#[derive(Clone, Debug)]
pub(crate) struct DynamicCodec {
    decoded: MessageDescriptor,
}

impl DynamicCodec {
    pub(crate) fn new(decoded: MessageDescriptor) -> Self {
        Self { decoded }
    }
}

impl Codec for DynamicCodec {
    type Encode = DynamicMessage;
    type Decode = DynamicMessage;
    type Encoder = DynamicEncoder;
    type Decoder = DynamicDecoder;

    fn encoder(&mut self) -> Self::Encoder {
        DynamicEncoder
    }

    fn decoder(&mut self) -> Self::Decoder {
        DynamicDecoder {
            decoded: self.decoded.clone(),
        }
    }
}

#[derive(Debug)]
pub(crate) struct DynamicEncoder;

impl Encoder for DynamicEncoder {
    type Item = DynamicMessage;
    type Error = Status;

    fn encode(&mut self, message: Self::Item, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        // Avoids repeated doubling of the buffer for a picture.
        to.reserve(message.encoded_len());
        message
            .encode(to)
            .map_err(|_| Status::internal("the response could not be encoded"))
    }
}

#[derive(Debug)]
pub(crate) struct DynamicDecoder {
    decoded: MessageDescriptor,
}

impl Decoder for DynamicDecoder {
    type Item = DynamicMessage;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Self::Item>, Status> {
        debug_assert!(from.remaining() <= crate::call::limits::MAX_MESSAGE);
        DynamicMessage::decode(self.decoded.clone(), from)
            .map(Some)
            .map_err(|error| {
                // The error names the field but not its value.
                let message = format!("the message is not a {}: {error}", self.decoded.full_name());
                status::without_call(&ApiError::invalid(message))
            })
    }
}

/// Takes a field of type `bytes` out of a message; `None` if it is empty.
pub(crate) fn take_bytes(message: &mut DynamicMessage, field: &str) -> Option<Bytes> {
    let bytes = message.get_field_by_name_mut(field)?.as_bytes_mut()?;
    let bytes = std::mem::take(bytes);
    message.clear_field_by_name(field);
    (!bytes.is_empty()).then_some(bytes)
}

/// Converts a request message to JSON without the fields that aren't set.
///
/// # Errors
///
/// `INVALID_ARGUMENT` for a value that JSON cannot represent, such as a time out of range.
pub(crate) fn to_args(mut message: DynamicMessage) -> Result<Map<String, Value>, ApiError> {
    const OPTIONS: SerializeOptions = SerializeOptions::new().use_proto_field_name(true);
    // Strings are moved, because one may be a picture. The other fields are copied.
    let mut texts = Vec::new();
    for (field, value) in message.fields_mut() {
        if let Some(text) = value.as_string_mut().filter(|text| !text.is_empty()) {
            let text = std::mem::take(text);
            texts.push((field.name().to_owned(), Value::String(text)));
        }
    }
    match message.serialize_with_options(serde_json::value::Serializer, &OPTIONS) {
        Ok(Value::Object(mut args)) => {
            args.extend(texts);
            Ok(args)
        }
        Ok(_) => Err(ApiError::invalid("the message must have fields")),
        Err(error) => Err(ApiError::invalid(format!(
            "the message is not valid: {error}"
        ))),
    }
}

/// Converts a response message to JSON with all fields, as functions write it.
///
/// # Errors
///
/// `INTERNAL` for a value that JSON cannot represent.
pub(crate) fn to_json(message: &DynamicMessage) -> Result<Value, ApiError> {
    const OPTIONS: SerializeOptions = SerializeOptions::new()
        .use_proto_field_name(true)
        .skip_default_fields(false);
    message
        .serialize_with_options(serde_json::value::Serializer, &OPTIONS)
        .map_err(|error| {
            tracing::error!(%error, "a response message cannot be converted to JSON");
            internal()
        })
}

/// Converts JSON to a request message.
///
/// # Errors
///
/// `INVALID_ARGUMENT` if the JSON doesn't fit the message.
pub(crate) fn from_args(
    descriptor: &MessageDescriptor,
    args: Map<String, Value>,
) -> Result<DynamicMessage, ApiError> {
    DynamicMessage::deserialize(descriptor.clone(), Value::Object(args))
        .map_err(|error| ApiError::invalid(format!("the request is not valid: {error}")))
}

/// Converts a function's JSON to a response message. Unknown fields are ignored, because a
/// function may be newer than the gateway.
///
/// # Errors
///
/// `INTERNAL` if the JSON doesn't fit the message.
pub(crate) fn from_json<'de>(
    descriptor: &MessageDescriptor,
    json: impl serde::Deserializer<'de, Error = serde_json::Error>,
) -> Result<DynamicMessage, ApiError> {
    const OPTIONS: DeserializeOptions = DeserializeOptions::new().deny_unknown_fields(false);
    DynamicMessage::deserialize_with_options(descriptor.clone(), json, &OPTIONS).map_err(|error| {
        let message = descriptor.full_name();
        tracing::error!(message, %error, "a function's answer does not fit the response message");
        internal()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use trichrome_proto::{error::ErrorCode, pictures::PicturesMessage, reflect::pool};

    use super::*;

    fn descriptor(name: &str) -> MessageDescriptor {
        pool().get_message_by_name(name).unwrap()
    }

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn arguments_survive_a_round_trip() {
        let args = object(json!({"limit": 3, "since": "2026-01-31T12:00:00Z", "totals": true}));
        let message = from_args(&descriptor("analytics.GetLogRequest"), args.clone()).unwrap();
        assert_eq!(to_args(message).unwrap(), args);
    }

    #[test]
    fn strings_are_moved() {
        let descriptor = descriptor("pictures.CreateUserPictureRequest");
        let args = object(json!({"title": "t", "base64": "AA=="}));
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::as_ptr);
        let before = text(args.get("base64"));
        let message = from_args(&descriptor, args).unwrap();
        let args = to_args(message).unwrap();
        assert_eq!(args.len(), 2);
        assert_eq!(text(args.get("base64")), before);
    }

    #[test]
    fn bytes_are_taken_and_not_in_json() {
        let descriptor = descriptor("pictures.CreateUserPictureRequest");
        let args = object(json!({"title": "t", "content": "/wA="}));
        let mut message = from_args(&descriptor, args).unwrap();
        let bytes = take_bytes(&mut message, "content");
        assert_eq!(bytes.as_deref(), Some(&[0xff, 0][..]));
        assert_eq!(take_bytes(&mut message, "content"), None);
        assert_eq!(to_args(message).unwrap(), object(json!({"title": "t"})));
    }

    #[test]
    fn arguments_that_do_not_fit_the_message_are_refused() {
        let list = descriptor("pictures.GetUserPicturesRequest");
        for args in [
            json!({"limit": "many"}),
            json!({"unknown": 1}),
            json!({"limit": -1}),
        ] {
            let error = from_args(&list, object(args)).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidArgument);
        }
    }

    #[test]
    fn a_response_has_the_form_that_functions_write() {
        let written = serde_json::to_value(PicturesMessage {
            pictures: vec![Default::default()],
            next_cursor: String::new(),
        })
        .unwrap();
        let message = from_json(&descriptor("pictures.PicturesMessage"), written.clone()).unwrap();
        assert_eq!(to_json(&message).unwrap(), written);
    }

    #[test]
    fn an_unknown_field_is_ignored() {
        let json = r#"{"id":"u","username":"n","shoe_size":43}"#;
        let mut json = serde_json::Deserializer::from_str(json);
        assert!(from_json(&descriptor("users.UserMessage"), &mut json).is_ok());
    }

    #[test]
    fn an_answer_that_does_not_fit_is_an_internal_error() {
        let error = from_json(&descriptor("users.UserMessage"), json!([1])).unwrap_err();
        assert_eq!(error.code, ErrorCode::Internal);
    }
}
