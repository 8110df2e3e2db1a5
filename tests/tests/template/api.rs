//! What API Gateway answers and logs by itself.

use serde_json::{Value, json};
use trichrome_proto::error::ErrorCode;

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

/// API Gateway looks for a signature of AWS in the request for an unknown path, before it answers.
#[test]
fn unknown_paths_are_404_with_any_authorization() {
    let responses = &api()["GatewayResponses"];
    let unknown = &responses["MISSING_AUTHENTICATION_TOKEN"];
    assert_eq!(unknown["StatusCode"], "404");
    for kind in [
        "INVALID_SIGNATURE",
        "ACCESS_DENIED",
        "EXPIRED_TOKEN",
        "DEFAULT_4XX",
    ] {
        assert_eq!(responses[kind], *unknown, "{kind}");
    }
}

#[test]
fn own_answers_have_the_shape_of_all_errors() {
    let responses = api()["GatewayResponses"].clone();
    for (kind, response) in responses.as_object().expect("gateway responses") {
        let body = &response["ResponseTemplates"]["application/json"];
        let body: Value = serde_json::from_str(body.as_str().expect(kind)).expect(kind);
        let error = &body["error"];
        assert_eq!(error["request_id"], "$context.requestId", "{kind}");
        assert!(error["message"].is_string(), "{kind}");
        let code = ErrorCode::from_text(error["code"].as_str().expect(kind)).expect(kind);
        let status = code.http().to_string();
        if kind != "DEFAULT_5XX" {
            assert_eq!(response["StatusCode"], status.as_str(), "{kind}");
        }
        let headers = &response["ResponseParameters"]["Headers"];
        assert_eq!(headers["X-Request-Id"], "context.requestId", "{kind}");
    }
}

/// API Gateway answers 500 when Lambda throttles a function, and 429 for limits of its own.
#[test]
fn routes_of_functions_with_reserved_concurrency_are_limited_alike() {
    let template = Template::read();
    let settings = api()["MethodSettings"].clone();
    let mut reserved = 0;
    for (name, properties) in template.functions() {
        let concurrency = &properties["ReservedConcurrentExecutions"]["Fn::If"];
        let route = &properties["Events"]["Rest"]["Properties"];
        if concurrency.is_null() || route.is_null() {
            continue;
        }
        reserved += 1;
        let path = route["Path"].as_str().expect("a path").replace('/', "~1");
        let setting = settings.as_array().into_iter().flatten().find(|setting| {
            setting["ResourcePath"] == format!("/{path}").as_str()
                && setting["HttpMethod"] == route["Method"]
        });
        let setting = setting.unwrap_or_else(|| panic!("no MethodSettings for {name}"));
        for limit in ["ThrottlingRateLimit", "ThrottlingBurstLimit"] {
            let limit = &setting[limit]["Fn::If"];
            assert_eq!(limit[0], concurrency[0], "{name}");
            assert_eq!(limit[1], concurrency[1], "{name}");
        }
    }
    assert_eq!(reserved, 2);
}

/// CloudWatch bills metrics by method, and the namespace of the functions' is shared by all stacks.
#[test]
fn metrics_are_few_by_default_and_those_of_this_stack() {
    let template = Template::read();
    for setting in api()["MethodSettings"].as_array().into_iter().flatten() {
        let metrics = &setting["MetricsEnabled"];
        assert_eq!(
            *metrics,
            json!({"Fn::If": ["HasDetailedMetrics", true, false]})
        );
    }
    let stack = json!({"Ref": "AWS::StackName"});
    let variables = &template.0["Globals"]["Function"]["Environment"]["Variables"];
    assert_eq!(variables["STACK_NAME"], stack);
    let own = template
        .of_type("AWS::CloudWatch::Alarm")
        .filter(|(_, alarm)| alarm["Properties"]["Namespace"] == "Trichrome");
    for (id, alarm) in own {
        let dimensions = &alarm["Properties"]["Dimensions"];
        assert_eq!(
            *dimensions,
            json!([{"Name": "stack", "Value": stack}]),
            "{id}"
        );
    }
}
