//! One logged call.

use time::{Duration, OffsetDateTime};
use trichrome_proto::{
    analytics::{AnalyticsEntryMessage, LogDataRequest},
    wire::Transport,
};
use uuid::Uuid;

use crate::{Error, ids, instant, observation::Observation};

/// The contract's limit of characters in a service's name.
pub(crate) const SERVICE_MAX: usize = 64;
/// The contract's limit of characters in a method's name.
pub(crate) const METHOD_MAX: usize = 128;
/// The longest duration that is stored: a day. A Lambda function ends after 15 minutes.
pub(crate) const MAX_DURATION_MS: f64 = 86_400_000.0;
/// How far another clock may be ahead of this one.
const CLOCK_SKEW: Duration = Duration::minutes(5);

/// One logged call, valid for the table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) id: Uuid,
    pub(crate) at: OffsetDateTime,
    pub(crate) transport: Transport,
    pub(crate) service: String,
    pub(crate) method: String,
    /// 100 to 599, or 0 if unknown.
    pub(crate) status: i16,
    pub(crate) duration_ms: f64,
    pub(crate) user_id: Option<Uuid>,
    pub(crate) trace_id: Option<Uuid>,
    /// Whether a client logged the call. If not, a part of the service did.
    pub(crate) client: bool,
    /// Whether each delivery of the entry has the same time.
    pub(crate) is_timed: bool,
}

impl Entry {
    /// An entry that a caller logs. The caller's id and the time are set here, and an invalid
    /// value is refused, because the caller can correct it.
    pub(crate) fn requested(
        request: LogDataRequest,
        caller: &str,
        key: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<Self, Error> {
        let LogDataRequest {
            transport,
            service,
            method,
            status,
            duration_ms,
            trace_id,
        } = request;
        Ok(Self {
            id: key.map_or_else(Uuid::now_v7, |key| ids::of_key(caller, key)),
            at: now,
            transport: transport.parse()?,
            service: name(service, SERVICE_MAX).ok_or(Error::SERVICE)?,
            method: name(method, METHOD_MAX).ok_or(Error::METHOD)?,
            status: known_status(f64::from(status)).ok_or(Error::Status)?,
            duration_ms: Some(duration_ms)
                .filter(|duration| (0.0..=MAX_DURATION_MS).contains(duration))
                .map(rounded)
                .ok_or(Error::Duration)?,
            user_id: Uuid::try_parse(caller).ok(),
            trace_id: match trace_id.as_str() {
                "" => None,
                text => Some(trace(text).ok_or(Error::TraceId)?),
            },
            client: true,
            // Without a key, it is delivered once.
            is_timed: key.is_none(),
        })
    }

    /// An entry that a part of the service logs. It can't be corrected, so as much as possible
    /// is kept: transport, service and method must be valid, a number out of range is clamped,
    /// and an unreadable user or trace id is left out.
    ///
    /// `id` and `written_at`, the record's, are used if the observation has none.
    pub(crate) fn observed(
        observation: Observation,
        id: impl FnOnce() -> Uuid,
        written_at: Option<OffsetDateTime>,
        now: OffsetDateTime,
    ) -> Result<Self, Error> {
        let Observation {
            transport,
            service,
            method,
            status,
            duration_ms,
            user_id,
            trace_id,
            at: own_at,
            id: own_id,
            client,
        } = observation;
        // Entries from the future would stay on the first page until their day comes. The limit is
        // the record's time rather than the delivery's, which differs each time.
        let written_at = written_at.filter(|at| *at <= now + CLOCK_SKEW);
        let base = written_at.unwrap_or(now);
        let transport: Transport = transport.parse()?;
        Ok(Self {
            id: ids::of_text(&own_id).unwrap_or_else(id),
            // A clock before 1970 was never set.
            at: own_at
                .and_then(instant::from_proto)
                .filter(|at| *at >= OffsetDateTime::UNIX_EPOCH)
                .map_or(base, |at| at.min(base + CLOCK_SKEW)),
            // A command that Kafka delivers again is served again, and its entry has the same id but
            // another time.
            is_timed: written_at.is_some() && transport != Transport::Events,
            transport,
            service: name(service, SERVICE_MAX).ok_or(Error::SERVICE)?,
            method: name(method, METHOD_MAX).ok_or(Error::METHOD)?,
            status: known_status(status).unwrap_or(0),
            duration_ms: match duration_ms.is_nan() {
                true => 0.0,
                false => rounded(duration_ms.clamp(0.0, MAX_DURATION_MS)),
            },
            user_id: Uuid::try_parse(&user_id).ok(),
            trace_id: trace(&trace_id),
            client,
        })
    }

    /// The entry as this user may read it: only the user's own entries have a user and trace id.
    pub(crate) fn visible_to(mut self, reader: Option<Uuid>) -> AnalyticsEntryMessage {
        if self.user_id.is_none() || self.user_id != reader {
            self.user_id = None;
            self.trace_id = None;
        }
        self.into()
    }
}

impl From<Entry> for AnalyticsEntryMessage {
    fn from(entry: Entry) -> Self {
        Self {
            transport: entry.transport.as_str().to_owned(),
            service: entry.service,
            method: entry.method,
            status: u32::try_from(entry.status).unwrap_or(0),
            duration_ms: entry.duration_ms,
            user_id: entry.user_id.map(|id| id.to_string()).unwrap_or_default(),
            trace_id: entry
                .trace_id
                .map(|id| id.simple().to_string())
                .unwrap_or_default(),
            at: Some(instant::to_proto(entry.at)),
            id: entry.id.to_string(),
            client: entry.client,
        }
    }
}

/// Checks a name: 1 to `max` characters, no control characters. A NUL, which Postgres can't
/// store, would fail the whole batch.
pub(crate) fn name(text: String, max: usize) -> Option<String> {
    let valid = !text.is_empty()
        // A character has at most four bytes, so a longer text needn't be counted.
        && text.len() <= 4 * max
        && text.chars().count() <= max
        && !text.chars().any(char::is_control);
    valid.then_some(text)
}

/// Checks a status: one of HTTP's, or 0 for unknown.
pub(crate) fn known_status(status: f64) -> Option<i16> {
    let known = status == 0.0 || ((100.0..600.0).contains(&status) && status.fract() == 0.0);
    #[expect(clippy::cast_possible_truncation, reason = "0 to 599")]
    known.then_some(status as i16)
}

/// Rounds milliseconds to microseconds. Of a duration, more digits are noise, and the arithmetic
/// of the totals would underflow on numbers close to 0.
pub(crate) fn rounded(millis: f64) -> f64 {
    // Adding 0.0 turns -0.0 into 0.0.
    (millis * 1000.0).round() / 1000.0 + 0.0
}

/// Checks a W3C trace id: 32 hexadecimal digits, not all zero.
fn trace(text: &str) -> Option<Uuid> {
    if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    Uuid::try_parse(text).ok().filter(|id| !id.is_nil())
}

#[cfg(test)]
impl Entry {
    /// A call that succeeded.
    pub(crate) fn sample(id: u128, at: OffsetDateTime) -> Self {
        Self {
            id: Uuid::from_u128(id),
            at,
            transport: Transport::Rest,
            service: "auth".to_owned(),
            method: "Login".to_owned(),
            status: 200,
            duration_ms: 1.0,
            user_id: None,
            trace_id: None,
            client: false,
            is_timed: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-10-01 12:00 UTC);
    const EARLIER: OffsetDateTime = datetime!(2026-10-01 11:00 UTC);
    const CALLER: &str = "0190a5f2-7c1e-7b57-a6a2-2f2c0a4f1a11";
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn request() -> LogDataRequest {
        LogDataRequest {
            transport: "grpc".to_owned(),
            service: "pictures".to_owned(),
            method: "GetUserPicture".to_owned(),
            status: 200,
            duration_ms: 12.5,
            trace_id: TRACE.to_owned(),
        }
    }

    fn observation() -> Observation {
        Observation {
            transport: "rest".to_owned(),
            service: "auth".to_owned(),
            method: "Login".to_owned(),
            status: 401.0,
            duration_ms: 33.25,
            user_id: CALLER.to_owned(),
            trace_id: TRACE.to_owned(),
            at: Some("2026-10-01T10:59:59.5Z".parse().unwrap()),
            id: "0190a5f2-7c1e-7b57-a6a2-000000000001".to_owned(),
            client: false,
        }
    }

    fn observed(observation: Observation) -> Result<Entry, Error> {
        Entry::observed(observation, Uuid::nil, Some(EARLIER), NOW)
    }

    #[test]
    fn a_request_gets_the_caller_and_the_time() {
        let entry = Entry::requested(request(), CALLER, Some("key"), NOW).unwrap();
        assert_eq!(entry.at, NOW);
        assert_eq!(entry.user_id, Some(CALLER.parse().unwrap()));
        assert_eq!(entry.id, ids::of_key(CALLER, "key"));
        let message = AnalyticsEntryMessage::from(entry);
        assert_eq!(message.transport, "grpc");
        assert_eq!(message.status, 200);
        assert_eq!(message.trace_id, TRACE);
        assert!(message.client);
        assert_eq!(message.at.unwrap().to_string(), "2026-10-01T12:00:00Z");
    }

    #[test]
    fn requests_without_a_key_get_different_ids() {
        let id = || Entry::requested(request(), CALLER, None, NOW).unwrap().id;
        assert_ne!(id(), id());
    }

    #[test]
    fn optional_fields_may_be_left_out() {
        let entry = Entry::requested(
            LogDataRequest {
                status: 0,
                duration_ms: 0.0,
                trace_id: String::new(),
                ..request()
            },
            CALLER,
            None,
            NOW,
        )
        .unwrap();
        assert_eq!((entry.status, entry.trace_id), (0, None));
    }

    #[test]
    fn invalid_requests_are_refused() {
        let refused = |change: fn(&mut LogDataRequest)| {
            let mut request = request();
            change(&mut request);
            Entry::requested(request, CALLER, None, NOW)
                .unwrap_err()
                .to_string()
        };
        assert!(refused(|r| r.transport = "smtp".into()).starts_with("transport must"));
        assert!(refused(|r| r.transport.clear()).starts_with("transport must"));
        assert!(refused(|r| r.service.clear()).starts_with("service must"));
        assert!(refused(|r| r.service = "s".repeat(65)).starts_with("service must"));
        assert!(refused(|r| r.method = "m\0".into()).starts_with("method must"));
        assert!(refused(|r| r.method = "é".repeat(129)).starts_with("method must"));
        assert!(refused(|r| r.status = 42).starts_with("status must"));
        assert!(refused(|r| r.status = 600).starts_with("status must"));
        assert!(refused(|r| r.duration_ms = -1.0).starts_with("duration_ms must"));
        assert!(refused(|r| r.duration_ms = 1e12).starts_with("duration_ms must"));
        assert!(refused(|r| r.duration_ms = f64::NAN).starts_with("duration_ms must"));
        assert!(refused(|r| r.trace_id = "xyz".into()).starts_with("trace_id must"));
        assert!(refused(|r| r.trace_id = "0".repeat(32)).starts_with("trace_id must"));
        // A UUID with hyphens isn't a trace id.
        assert!(refused(|r| r.trace_id = CALLER.into()).starts_with("trace_id must"));
    }

    #[test]
    fn a_valid_observation_is_unchanged() {
        let entry = observed(observation()).unwrap();
        let message = AnalyticsEntryMessage::from(entry);
        let expected = AnalyticsEntryMessage {
            transport: "rest".to_owned(),
            service: "auth".to_owned(),
            method: "Login".to_owned(),
            status: 401,
            duration_ms: 33.25,
            user_id: CALLER.to_owned(),
            trace_id: TRACE.to_owned(),
            at: observation().at,
            id: observation().id,
            client: false,
        };
        assert_eq!(message, expected);
    }

    #[test]
    fn ids_are_only_in_the_readers_own_entries() {
        let other = Some(Uuid::from_u128(7));
        let caller = Some(CALLER.parse().unwrap());
        let ids = |user_id: &str, reader| {
            let message = observed(Observation {
                user_id: user_id.to_owned(),
                ..observation()
            })
            .unwrap()
            .visible_to(reader);
            assert_eq!((message.method.as_str(), message.status), ("Login", 401));
            (message.user_id, message.trace_id)
        };
        let none = (String::new(), String::new());
        assert_eq!(ids(CALLER, caller), (CALLER.to_owned(), TRACE.to_owned()));
        assert_eq!(ids(CALLER, other), none);
        assert_eq!(ids(CALLER, None), none);
        assert_eq!(ids("", caller), none);
        assert_eq!(ids("", None), none);
    }

    #[test]
    fn an_observations_numbers_are_clamped() {
        let status = |status| {
            observed(Observation {
                status,
                ..observation()
            })
            .unwrap()
            .status
        };
        assert_eq!(status(599.0), 599);
        for unknown in [600.0, 1e9, -1.0, 99.0, 200.5, f64::NAN] {
            assert_eq!(status(unknown), 0, "{unknown}");
        }
        let duration = |duration_ms| {
            observed(Observation {
                duration_ms,
                ..observation()
            })
            .unwrap()
            .duration_ms
        };
        assert_eq!(duration(-5.0), 0.0);
        assert_eq!(duration(f64::NAN), 0.0);
        assert_eq!(duration(1e300), MAX_DURATION_MS);
    }

    #[test]
    fn durations_are_rounded_to_microseconds() {
        for (millis, expected) in [
            (5e-324, 0.0),
            (f64::MIN_POSITIVE, 0.0),
            (0.000_499, 0.0),
            (0.000_5, 0.001),
            (12.345_678_9, 12.346),
            (MAX_DURATION_MS, MAX_DURATION_MS),
        ] {
            let entry = Entry::requested(
                LogDataRequest {
                    duration_ms: millis,
                    ..request()
                },
                CALLER,
                None,
                NOW,
            );
            assert_eq!(entry.unwrap().duration_ms, expected, "{millis}");
            let entry = observed(Observation {
                duration_ms: millis,
                ..observation()
            });
            assert_eq!(entry.unwrap().duration_ms, expected, "{millis}");
        }
    }

    /// Fails unless the table takes the entry, and the totals can compute with it.
    fn check(entry: &Entry) {
        let Entry {
            at,
            service,
            method,
            status,
            duration_ms,
            ..
        } = entry;
        assert!(
            (OffsetDateTime::UNIX_EPOCH..=NOW + CLOCK_SKEW).contains(at),
            "{entry:?}"
        );
        for (text, max) in [(service, SERVICE_MAX), (method, METHOD_MAX)] {
            assert!((1..=max).contains(&text.chars().count()), "{entry:?}");
            assert!(!text.chars().any(char::is_control), "{entry:?}");
        }
        assert!(matches!(status, 0 | 100..=599), "{entry:?}");
        assert!(duration_ms.is_sign_positive(), "{entry:?}");
        assert!(
            *duration_ms == 0.0 || (0.001..=MAX_DURATION_MS).contains(duration_ms),
            "{entry:?}"
        );
        let message = AnalyticsEntryMessage::from(entry.clone());
        let json = serde_json::to_string(&message).unwrap();
        let read: AnalyticsEntryMessage = serde_json::from_str(&json).unwrap();
        assert_eq!(read, message);
    }

    const NUMBERS: [f64; 22] = [
        0.0,
        -0.0,
        5e-324,
        -5e-324,
        f64::MIN_POSITIVE,
        1e-9,
        0.000_5,
        0.001,
        99.0,
        100.0,
        200.5,
        599.0,
        600.0,
        65_736.0,
        MAX_DURATION_MS,
        86_400_000.000_1,
        4_294_967_295.0,
        f64::MAX,
        f64::MIN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
    ];

    fn texts() -> Vec<String> {
        [
            "",
            " ",
            "a",
            "a\0",
            "\u{85}",
            "\u{202e}x",
            "\u{fffe}",
            "'; --",
            "/",
        ]
        .map(str::to_owned)
        .into_iter()
        .chain([64, 65, 128, 129].map(|count| "\u{10ffff}".repeat(count)))
        .collect()
    }

    #[test]
    fn every_accepted_request_is_valid_for_the_table() {
        let mut accepted = 0;
        let mut log = |request| {
            if let Ok(entry) = Entry::requested(request, CALLER, None, NOW) {
                check(&entry);
                accepted += 1;
            }
        };
        for duration_ms in NUMBERS {
            for status in [0, 1, 99, 100, 599, 600, 65_736, u32::MAX] {
                log(LogDataRequest {
                    status,
                    duration_ms,
                    ..request()
                });
            }
        }
        for service in texts() {
            for method in texts() {
                log(LogDataRequest {
                    service: service.clone(),
                    method,
                    ..request()
                });
            }
        }
        // 14 durations with 3 statuses, 7 services with 9 methods.
        assert_eq!(accepted, 14 * 3 + 7 * 9);
    }

    #[test]
    fn every_accepted_observation_is_valid_for_the_table() {
        let mut accepted = 0;
        let mut log = |observation| {
            if let Ok(entry) = observed(observation) {
                check(&entry);
                accepted += 1;
            }
        };
        for duration_ms in NUMBERS {
            for status in NUMBERS {
                log(Observation {
                    status,
                    duration_ms,
                    ..observation()
                });
            }
        }
        for service in texts() {
            for method in texts() {
                log(Observation {
                    user_id: service.clone(),
                    trace_id: method.clone(),
                    id: method.clone(),
                    service: service.clone(),
                    method,
                    ..observation()
                });
            }
        }
        for seconds in [
            i64::MIN,
            instant::EARLIEST,
            -1,
            0,
            253_402_300_799,
            i64::MAX,
        ] {
            for nanos in [i32::MIN, -1, 0, 999_999_999, i32::MAX] {
                log(Observation {
                    at: Some(prost_types::Timestamp { seconds, nanos }),
                    ..observation()
                });
            }
        }
        assert_eq!(accepted, 22 * 22 + 7 * 9 + 6 * 5);
    }

    #[test]
    fn unreadable_user_and_trace_ids_are_left_out() {
        let entry = observed(Observation {
            user_id: "nobody\0".to_owned(),
            trace_id: "00".repeat(16),
            ..observation()
        })
        .unwrap();
        assert_eq!((entry.user_id, entry.trace_id), (None, None));
    }

    #[test]
    fn an_observation_without_id_or_time_gets_its_records() {
        let entry = observed(Observation {
            id: String::new(),
            at: None,
            ..observation()
        })
        .unwrap();
        assert_eq!((entry.id, entry.at), (Uuid::nil(), EARLIER));
    }

    #[test]
    fn an_impossible_time_is_replaced() {
        let at = |text: &str| {
            let at = Some(text.parse().unwrap());
            observed(Observation {
                at,
                ..observation()
            })
            .unwrap()
            .at
        };
        assert_eq!(at("0001-01-01T00:00:00Z"), EARLIER);
        assert_eq!(at("2026-10-01T11:04:00Z"), EARLIER + Duration::minutes(4));
        assert_eq!(at("9999-01-01T00:00:00Z"), EARLIER + CLOCK_SKEW);
    }

    #[test]
    fn each_delivery_of_a_record_has_the_same_time() {
        let observation = Observation {
            at: Some("9999-01-01T00:00:00Z".parse().unwrap()),
            ..observation()
        };
        let delivered = |written_at, now| {
            let entry = Entry::observed(observation.clone(), Uuid::nil, written_at, now).unwrap();
            (entry.at, entry.is_timed)
        };
        let later = NOW + Duration::DAY;
        assert_eq!(
            delivered(Some(EARLIER), NOW),
            delivered(Some(EARLIER), later)
        );
        assert_eq!(delivered(Some(EARLIER), NOW), (EARLIER + CLOCK_SKEW, true));
        // Nor is a record's time from the future believed.
        for written_at in [None, Some(later)] {
            assert_eq!(delivered(written_at, NOW), (NOW + CLOCK_SKEW, false));
        }
    }

    #[test]
    fn a_command_that_is_served_again_has_another_time() {
        let is_timed = |transport: &str| {
            let observation = Observation {
                transport: transport.to_owned(),
                ..observation()
            };
            observed(observation).unwrap().is_timed
        };
        assert!(is_timed("rest") && is_timed("grpc"));
        assert!(!is_timed("events"));
    }

    #[test]
    fn a_request_with_a_key_may_be_repeated_at_another_time() {
        let is_timed = |key| {
            Entry::requested(request(), CALLER, key, NOW)
                .unwrap()
                .is_timed
        };
        assert!(!is_timed(Some("key")));
        assert!(is_timed(None));
    }

    #[test]
    fn invalid_observations_are_refused() {
        for change in [
            (|o| o.transport = "tcp".into()) as fn(&mut Observation),
            |o| o.service.clear(),
            |o| o.method = "a\nb".into(),
            |o| o.service = "x".repeat(1_000_000),
        ] {
            let mut observation = observation();
            change(&mut observation);
            assert!(observed(observation).is_err());
        }
    }
}
