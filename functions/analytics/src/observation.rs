use std::borrow::Cow;

use prost_types::Timestamp;
use serde::{Deserialize, Deserializer};
use trichrome_proto::analytics::AnalyticsEntryMessage;

/// An `AnalyticsEntryMessage` as another part of the service wrote it: nothing checked yet.
///
/// Read more leniently than the contract's own type: fields that a newer writer adds are
/// passed over, `null` is a field left out, and numbers may have any value.
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
    /// None where it is not a time, too.
    #[serde(deserialize_with = "time")]
    pub(crate) at: Option<Timestamp>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) id: String,
}

impl From<AnalyticsEntryMessage> for Observation {
    fn from(message: AnalyticsEntryMessage) -> Self {
        let AnalyticsEntryMessage {
            transport,
            service,
            method,
            status,
            duration_ms,
            user_id,
            trace_id,
            at,
            id,
        } = message;
        Self {
            transport,
            service,
            method,
            status: f64::from(status),
            duration_ms,
            user_id,
            trace_id,
            at,
            id,
        }
    }
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
    use super::*;

    #[test]
    fn the_contracts_message_is_read_whole() {
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
        };
        let json = serde_json::to_string(&message).unwrap();
        let read: Observation = serde_json::from_str(&json).unwrap();
        assert_eq!(read, Observation::from(message));
    }

    #[test]
    fn nulls_and_new_fields_are_passed_over() {
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
    fn a_time_that_is_none_is_left_out() {
        let read: Observation = serde_json::from_str(r#"{"at":"yesterday"}"#).unwrap();
        assert_eq!(read.at, None);
        let escaped: Observation =
            serde_json::from_str(r#"{"at":"2026-10-01T12:00:00\u005a"}"#).unwrap();
        assert!(escaped.at.is_some());
    }
}
