//! Spans as Jaeger's API returns them.

use anyhow::{Result, ensure};
use serde::Deserialize;
use trichrome_traces::{ExportTraceServiceRequest, Span, spans};

use crate::clients::http::Http;

/// Jaeger's HTTP API, version 3: it answers OTLP's JSON.
pub(super) struct Jaeger {
    http: Http,
    url: String,
}

/// What it answers.
#[derive(Deserialize)]
struct Answer {
    result: ExportTraceServiceRequest,
}

impl Jaeger {
    pub(super) fn new(url: &str) -> Result<Self> {
        Ok(Self {
            http: Http::new()?,
            url: url.to_owned(),
        })
    }

    /// The spans of a trace so far.
    pub(super) async fn spans(&self, trace: &str) -> Result<Vec<Span>> {
        let url = format!("{}/api/v3/traces/{trace}", self.url);
        let answer = self.http.get(&url).await?;
        // Not one span yet.
        if answer.status == 404 {
            return Ok(Vec::new());
        }
        ensure!(answer.status == 200, "{url}: {answer:?}");
        read(&answer.body)
    }
}

fn read(answer: &[u8]) -> Result<Vec<Span>> {
    let Answer { result } = serde_json::from_slice(answer)?;
    Ok(spans(&result))
}

#[cfg(test)]
mod tests {
    use trichrome_traces::Kind;

    use super::*;

    #[test]
    fn an_answer_of_jaegers_is_read() {
        let answer = r#"{"result":{"resourceSpans":[{
            "resource":{"attributes":[
                {"key":"service.name","value":{"stringValue":"gateway"}}]},
            "scopeSpans":[{"scope":{"name":"s"},"spans":[{
                "traceId":"5b8efff798038103d269b633813fc60c",
                "spanId":"eee19b7ec3c1b174",
                "parentSpanId":"eee19b7ec3c1b173",
                "name":"GET",
                "kind":3,
                "startTimeUnixNano":"1795689263000000000",
                "endTimeUnixNano":"1795689263000000001",
                "attributes":[
                    {"key":"@jaeger@warnings","value":{"arrayValue":{"values":[
                        {"stringValue":"parent span is not in the trace"}]}}},
                    {"key":"faas.coldstart","value":{"boolValue":true}},
                    {"key":"http.response.status_code","value":{"intValue":"503"}}],
                "status":{"message":"down","code":2}}]}]}]}}"#;
        let spans = read(answer.as_bytes()).unwrap();
        let [span] = spans.as_slice() else {
            panic!("one span: {spans:?}");
        };
        assert_eq!(span.trace_id, "5b8efff798038103d269b633813fc60c");
        assert_eq!(span.parent_span_id, "eee19b7ec3c1b173");
        assert_eq!(
            (span.service.as_str(), span.kind),
            ("gateway", Kind::Client)
        );
        assert_eq!(span.attributes["http.response.status_code"], 503);
        assert_eq!(span.attributes["faas.coldstart"], true);
        assert_eq!(span.end_nanos - span.start_nanos, 1);
        assert!(span.error);
        assert!(read(b"{}").is_err());
    }
}
