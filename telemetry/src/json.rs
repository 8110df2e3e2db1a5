//! A log line: a JSON object with the names of the Elastic Common Schema (ECS 8.17), and those
//! from which Lambda reads time and level.

use serde_json::{Map, Value};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

const ECS_VERSION: &str = "8.17.0";

/// Begins a line with time, level and service.
///
/// `lambda` adds `timestamp` and `level`, by which CloudWatch filters the log of a function.
/// (AWS Lambda, "Working with advanced logging controls".)
pub fn line(service: &str, version: &str, level: &str, lambda: bool) -> Map<String, Value> {
    let now = OffsetDateTime::now_utc();
    // Microseconds are precise enough.
    let now = now
        .replace_nanosecond(now.nanosecond() / 1000 * 1000)
        .unwrap_or(now);
    let at = now.format(&Rfc3339).unwrap_or_default();
    let mut line = Map::new();
    if lambda {
        line.insert("timestamp".into(), at.as_str().into());
        line.insert("level".into(), level.into());
    }
    line.insert("@timestamp".into(), at.into());
    line.insert("log.level".into(), level.to_ascii_lowercase().into());
    line.insert("ecs.version".into(), ECS_VERSION.into());
    line.insert("service.name".into(), service.into());
    line.insert("service.version".into(), version.into());
    line
}

/// Adds a field under its name in the schema, or as a label if there is none.
pub(crate) fn put(line: &mut Map<String, Value>, name: &str, value: Value) {
    let (name, value) = match name {
        "message" => ("message", value),
        "error" => ("error.message", value),
        "code" => ("error.code", value),
        "trace_id" => ("trace.id", value),
        // The schema has no name for the request id of every transport.
        "request_id" => ("request_id", value),
        "status" => ("http.response.status_code", value),
        "operation" => ("event.action", value),
        "function" => ("faas.name", value),
        "duration_ms" => {
            let nanos = value.as_f64().map(|millis| (millis * 1e6) as u64);
            ("event.duration", nanos.map_or(value, Value::from))
        }
        other => {
            line.insert(format!("labels.{other}"), value);
            return;
        }
    };
    line.insert(name.to_owned(), value);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_have_the_names_of_the_schema() {
        let mut line = Map::new();
        put(&mut line, "status", 503.into());
        put(&mut line, "duration_ms", 1.5.into());
        put(&mut line, "error", "down".into());
        put(&mut line, "topic", "auth".into());
        assert_eq!(
            Value::Object(line),
            json!({
                "http.response.status_code": 503,
                "event.duration": 1_500_000,
                "error.message": "down",
                "labels.topic": "auth",
            })
        );
    }

    #[test]
    fn lambda_lines_have_level_and_timestamp() {
        let line = line("users-get", "1.0.0", "WARN", true);
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["log.level"], "warn");
        assert_eq!(line["timestamp"], line["@timestamp"]);
        let at = line["@timestamp"].as_str().unwrap();
        assert!(OffsetDateTime::parse(at, &Rfc3339).is_ok(), "{at}");
    }
}
