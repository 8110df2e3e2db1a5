//! Traces, read back from the files of a [`Store`](crate::Store).

use std::{
    collections::HashSet,
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use serde_json::Value;

use crate::{ExportTraceServiceRequest, Span, spans, store::EXTENSION};

/// All spans of one trace that have arrived.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// 32 hexadecimal digits.
    pub id: String,
    /// Sorted by start time.
    pub spans: Vec<Span>,
}

impl Trace {
    fn read(path: &Path) -> io::Result<Self> {
        let id = path.file_stem().unwrap_or_default().to_string_lossy();
        Self::parse(&id, &fs::read_to_string(path)?)
    }

    pub(crate) fn parse(id: &str, text: &str) -> io::Result<Self> {
        let mut all = Vec::new();
        for line in text.lines() {
            let request: ExportTraceServiceRequest = serde_json::from_str(line)?;
            all.extend(spans(&request));
        }
        all.sort_by(|one, other| {
            (one.start_nanos, &one.span_id).cmp(&(other.start_nanos, &other.span_id))
        });
        // A batch may be sent twice.
        let mut seen = HashSet::new();
        all.retain(|span| seen.insert(span.span_id.clone()));
        Ok(Self {
            id: id.to_owned(),
            spans: all,
        })
    }

    pub(crate) fn start(&self) -> u64 {
        self.spans.first().map_or(0, |span| span.start_nanos)
    }

    /// Time from the first start to the last end.
    pub(crate) fn nanos(&self) -> u64 {
        let end = self.spans.iter().map(|span| span.end_nanos).max();
        end.unwrap_or_default().saturating_sub(self.start())
    }

    /// The span without a parent. It ends last, so it is the last to arrive.
    fn root(&self) -> Option<&Span> {
        self.spans
            .iter()
            .find(|span| span.parent_span_id.is_empty())
    }

    /// Whether the trace is of a batch of records, such as call logs, rather than of a call.
    fn is_batch(&self) -> bool {
        self.root().is_some_and(|root| {
            root.attributes
                .contains_key("messaging.batch.message_count")
        })
    }

    /// The root's status code, or whether a span of the trace has failed.
    fn status(&self) -> String {
        let code = self.root().and_then(|root| {
            ["http.response.status_code", "rpc.response.status_code"]
                .iter()
                .find_map(|name| root.attributes.get(*name))
        });
        match code {
            Some(Value::String(code)) => code.clone(),
            Some(code) => code.to_string(),
            None if self.spans.iter().any(|span| span.error) => "error".to_owned(),
            None => "ok".to_owned(),
        }
    }
}

/// The newest `count` traces. A damaged file is skipped.
pub fn newest(folder: &Path, count: usize) -> Vec<Trace> {
    let mut traces: Vec<_> = files(folder)
        .iter()
        .take(count)
        .filter_map(|path| Trace::read(path).ok())
        .collect();
    traces.sort_by_key(|trace| std::cmp::Reverse(trace.start()));
    traces
}

/// The newest complete trace of a call, or else the newest trace.
pub fn last(traces: &[Trace]) -> Option<&Trace> {
    let calls = || traces.iter().filter(|trace| !trace.is_batch());
    calls()
        .find(|trace| trace.root().is_some())
        .or_else(|| calls().next())
        .or(traces.first())
}

/// The trace whose id starts with `prefix`.
///
/// # Errors
///
/// No trace matches, several do, or the file is damaged.
pub fn find(folder: &Path, prefix: &str) -> Result<Trace, String> {
    let prefix = prefix.to_ascii_lowercase();
    let found: Vec<_> = files(folder)
        .into_iter()
        .filter(|path| {
            path.file_stem()
                .is_some_and(|stem| stem.to_string_lossy().starts_with(&prefix))
        })
        .collect();
    match found.as_slice() {
        [path] => {
            Trace::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
        }
        [] => Err(format!(
            "no trace {prefix}: it was not sampled, has not arrived yet, or has been dropped"
        )),
        several => Err(format!("{} traces start with {prefix}", several.len())),
    }
}

/// A table of traces, one a line.
pub fn list(traces: &[Trace], now: SystemTime) -> String {
    let now = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let mut text = format!(
        "{:<32}  {:>9}  {:>12}  {:>5}  {:<8}  {}\n",
        "TRACE", "AGE", "DURATION", "SPANS", "STATUS", "ROOT"
    );
    for trace in traces {
        let (service, name) = trace
            .root()
            .or(trace.spans.first())
            .map_or(("", ""), |span| (&span.service, &span.name));
        let age = now.saturating_sub(Duration::from_nanos(trace.start()));
        let failed = trace.spans.iter().any(|span| span.error);
        let _ = writeln!(
            text,
            "{}  {:>7} s  {:>12}  {:>5}  {:<8}  {service}: {name}{}",
            trace.id,
            age.as_secs(),
            crate::tree::millis(trace.nanos()),
            trace.spans.len(),
            trace.status(),
            if failed { " ✗" } else { "" },
        );
    }
    text
}

/// The store's files, most recently written first.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<(SystemTime, PathBuf)> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let path = entry.path();
            let is_trace = path.extension().is_some_and(|it| it == EXTENSION);
            is_trace.then_some((entry.metadata().ok()?.modified().ok()?, path))
        })
        .collect();
    files.sort();
    files.into_iter().rev().map(|(_, path)| path).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::Kind;

    const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    /// A span of the gateway, one of a function, and a third that failed.
    const TRACE: &str = concat!(
        r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"gateway"}}]},"scopeSpans":[{"spans":["#,
        r#"{"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00000000000000a1","parentSpanId":"","name":"POST /grpc/pictures","kind":2,"startTimeUnixNano":"1000000000","endTimeUnixNano":"1012000000","attributes":[{"key":"http.response.status_code","value":{"intValue":"503"}},{"key":"url.path","value":{"stringValue":"/grpc/pictures"}}],"status":{}}"#,
        r#"]}]}]}"#,
        "\n",
        r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"pictures-create"}}]},"scopeSpans":[{"spans":["#,
        r#"{"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00000000000000b2","parentSpanId":"00000000000000a1","name":"pictures-create","kind":2,"startTimeUnixNano":"1002000000","endTimeUnixNano":"1011000000","attributes":[{"key":"faas.coldstart","value":{"boolValue":true}}],"status":{}},"#,
        r#"{"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00000000000000c3","parentSpanId":"00000000000000b2","name":"S3.PutObject","kind":3,"startTimeUnixNano":"1003000000","endTimeUnixNano":"1010500000","attributes":[],"status":{"code":2,"message":"no route to S3"}}"#,
        r#"]}]}]}"#,
        "\n",
    );

    pub(crate) fn sample() -> Trace {
        Trace::parse(ID, TRACE).unwrap()
    }

    #[test]
    fn the_stores_json_is_read() {
        let trace = sample();
        assert_eq!(trace.nanos(), 12_000_000);
        let [gateway, function, store] = trace.spans.as_slice() else {
            panic!("{trace:?}");
        };
        assert_eq!(gateway.attributes["http.response.status_code"], 503);
        assert_eq!(
            (function.service.as_str(), function.kind),
            ("pictures-create", Kind::Server)
        );
        assert_eq!(store.parent_span_id, function.span_id);
        assert!(store.error);
        assert_eq!(store.status_message, "no route to S3");
    }

    #[test]
    fn a_batch_that_arrives_twice_counts_once() {
        let twice = format!("{TRACE}{TRACE}");
        assert_eq!(Trace::parse("a", &twice).unwrap().spans.len(), 3);
    }

    #[test]
    fn the_last_trace_is_of_a_complete_call() {
        let (call, mut batch, mut incomplete) = (sample(), sample(), sample());
        let count = ("messaging.batch.message_count".to_owned(), 3.into());
        batch.spans[0].attributes.extend([count]);
        incomplete.spans.remove(0);
        let traces = [batch.clone(), incomplete.clone(), call.clone()];
        assert_eq!(last(&traces), Some(&call));
        assert_eq!(last(&traces[..2]), Some(&incomplete));
        assert_eq!(last(&traces[..1]), Some(&batch));
        assert_eq!(last(&[]), None);
    }

    #[test]
    fn the_list_has_headings_and_statuses() {
        let text = list(&[sample()], SystemTime::UNIX_EPOCH + Duration::from_secs(8));
        let lines: Vec<_> = text.lines().collect();
        assert!(lines[0].starts_with("TRACE "), "{text}");
        assert!(lines[0].contains("STATUS"), "{text}");
        assert_eq!(
            lines[1].split_whitespace().collect::<Vec<_>>(),
            [
                ID,
                "7",
                "s",
                "12.00",
                "ms",
                "3",
                "503",
                "gateway:",
                "POST",
                "/grpc/pictures",
                "✗"
            ]
        );
    }

    #[test]
    fn a_trace_is_found_by_the_start_of_its_id() {
        let folder = std::env::temp_dir().join(format!("traces-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{ID}.jsonl")), TRACE).unwrap();
        fs::write(folder.join("4b000000000000000000000000000000.jsonl"), "{").unwrap();
        assert_eq!(find(&folder, "4BF9").unwrap(), sample());
        assert!(find(&folder, "4b").unwrap_err().contains("2 traces"));
        assert!(find(&folder, "4b0").unwrap_err().contains("cannot read"));
        assert!(find(&folder, "77").unwrap_err().contains("no trace 77"));
        assert_eq!(newest(&folder, 10), [sample()]);
        fs::remove_dir_all(folder).unwrap();
    }
}
