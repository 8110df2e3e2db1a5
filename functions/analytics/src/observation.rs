//! A call log as another part of the service wrote it.

use std::borrow::Cow;

use prost_types::Timestamp;
use serde::{Deserialize, Deserializer};

/// An unchecked `AnalyticsEntryMessage`.
///
/// It is parsed more leniently than the contract's type: unknown fields of a newer writer are
/// ignored, `null` means that a field was left out, and numbers may have any value.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Observation {
    #[serde(deserialize_with = "or_default")]
    pub(crate) transport: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) service: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) method: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) status: f64,
    #[serde(deserialize_with = "or_default")]
    pub(crate) duration_ms: f64,
    #[serde(deserialize_with = "or_default")]
    pub(crate) user_id: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) trace_id: String,
    /// `None` if it can't be parsed, too.
    #[serde(deserialize_with = "time")]
    pub(crate) at: Option<Timestamp>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) id: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) client: bool,
}

fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    from: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

fn time<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
    let text = Option::<Cow<'de, str>>::deserialize(from)?;
    Ok(text.and_then(|text| text.parse().ok()))
}

#[cfg(test)]
mod tests {
    use trichrome_proto::analytics::AnalyticsEntryMessage;

    use super::*;

    #[test]
    fn every_field_of_the_message_is_read() {
        let message = AnalyticsEntryMessage {
            transport: "rest".to_owned(),
            service: "auth".to_owned(),
            method: "Login".to_owned(),
            status: 200,
            duration_ms: 1.5,
            user_id: "u".to_owned(),
            trace_id: "t".to_owned(),
            at: Some("2026-10-01T12:00:00.25Z".parse().unwrap()),
            id: "i".to_owned(),
            client: true,
        };
        let json = serde_json::to_string(&message).unwrap();
        let read: Observation = serde_json::from_str(&json).unwrap();
        let expected = Observation {
            transport: message.transport,
            service: message.service,
            method: message.method,
            status: 200.0,
            duration_ms: 1.5,
            user_id: message.user_id,
            trace_id: message.trace_id,
            at: message.at,
            id: message.id,
            client: true,
        };
        assert_eq!(read, expected);
    }

    #[test]
    fn nulls_and_unknown_fields_are_ignored() {
        let json =
            r#"{"transport":"rest","service":null,"status":null,"at":null,"region":{"a":[1]}}"#;
        let read: Observation = serde_json::from_str(json).unwrap();
        let expected = Observation {
            transport: "rest".to_owned(),
            ..Observation::default()
        };
        assert_eq!(read, expected);
    }

    #[test]
    fn an_invalid_time_is_left_out() {
        let read: Observation = serde_json::from_str(r#"{"at":"yesterday"}"#).unwrap();
        assert_eq!(read.at, None);
        let escaped: Observation =
            serde_json::from_str(r#"{"at":"2026-10-01T12:00:00\u005a"}"#).unwrap();
        assert!(escaped.at.is_some());
    }
}
