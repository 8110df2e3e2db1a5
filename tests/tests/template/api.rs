//! What API Gateway answers and logs by itself.

use serde_json::{Value, json};

use crate::Template;

fn api() -> Value {
    Template::read().resources()["Api"]["Properties"].clone()
}

/// Replaces `$context.<name>` as API Gateway does in an access log: as it is, without escapes, and
/// `-` where there is no value.
fn render(format: &str, value: impl Fn(&str) -> Option<&'static str>) -> String {
    let mut parts = format.split("$context.");
    let mut line = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part
            .find(|it: char| !it.is_ascii_alphanumeric() && it != '.')
            .unwrap_or(part.len());
        line.push_str(value(&part[..end]).unwrap_or("-"));
        line.push_str(&part[end..]);
    }
    line
}

/// What a variable holds after a failed request.
fn failed(name: &str) -> Option<&'static str> {
    Some(match name {
        "error.message" => r#"Invalid key=value pair in 'Bearer "x"'"#,
        // AWS: "The quoted value of $context.error.message".
        "error.messageString" => r#""Missing Authentication Token""#,
        "error.responseType" => "MISSING_AUTHENTICATION_TOKEN",
        "identity.sourceIp" => "2001:db8::1",
        "status" | "responseLatency" => "403",
        "httpMethod" => "GET",
        "resourcePath" => "/pictures/{picture_id}",
        "requestTime" => "27/Nov/2026:05:00:00 +0000",
        "requestId" | "xrayTraceId" => "1-5759e988-bd862e3fe1be46a994272793",
        other => panic!("{other}: say here what it holds"),
    })
}

#[test]
fn the_access_log_is_json() {
    let api = api();
    let format = api["AccessLogSetting"]["Format"]
        .as_str()
        .expect("a format");
    for line in [
        render(format, failed),
        render(format, |name| {
            failed(name).filter(|_| !name.starts_with("error."))
        }),
    ] {
        let read: Value =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(read["client.ip"], "2001:db8::1");
        assert!(read["error"].is_string(), "{line}");
    }
}

/// The stage waits for the account's role for logs, without depending on a resource that may be
/// missing. `cargo xtask lint template` checks that the reference is always valid.
#[test]
fn the_stage_waits_for_the_role_of_its_log() {
    let api = Template::read().resources()["Api"].clone();
    assert!(api["DependsOn"].is_null(), "{}", api["DependsOn"]);
    assert_eq!(
        api["Properties"]["Variables"],
        json!({"LogRole": {"Fn::If": ["CreatesLogRole", {"Ref": "ApiGatewayAccount"}, "existing"]}})
    );
}
