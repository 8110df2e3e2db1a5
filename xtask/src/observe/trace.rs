//! Traces that the store of a running `up --observe` keeps: read from its files.

mod jaeger;
mod tree;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

pub(crate) use jaeger::export;
pub(crate) use tree::render;

/// How a file of the store ends; before that is the trace's id. Its lines are OTLP's JSON
/// form, `{"resourceSpans": …}`, of one trace's spans.
const EXTENSION: &str = "jsonl";

/// One span.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Span {
    pub(crate) id: String,
    /// Empty for a root.
    pub(crate) parent: String,
    pub(crate) service: String,
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    /// Nanoseconds of the epoch.
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) attributes: BTreeMap<String, Value>,
    /// What is the same for all spans of its process.
    pub(crate) resource: BTreeMap<String, Value>,
    /// Spans that led to it without being its parent: their trace and id.
    pub(crate) links: Vec<(String, String)>,
    /// What went wrong, if it did; empty where nobody said what.
    pub(crate) error: Option<String>,
}

impl Span {
    pub(crate) fn nanos(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }
}

/// All spans of one trace that have come.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Trace {
    pub(crate) id: String,
    /// By their start.
    pub(crate) spans: Vec<Span>,
}

impl Trace {
    fn read(path: &Path) -> Result<Self> {
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let id = path.file_stem().unwrap_or_default().to_string_lossy();
        Self::parse(&id, &text).with_context(|| format!("{} is damaged", path.display()))
    }

    fn parse(id: &str, text: &str) -> Result<Self> {
        let mut spans = Vec::new();
        for line in text.lines() {
            let batch: Value = serde_json::from_str(line)?;
            for group in list(&batch["resourceSpans"]) {
                let resource = attributes(&group["resource"]["attributes"]);
                for scope in list(&group["scopeSpans"]) {
                    spans.extend(list(&scope["spans"]).map(|span| parse(span, &resource)));
                }
            }
        }
        ensure!(!spans.is_empty(), "no spans");
        spans.sort_by(|one, other| (one.start, &one.id).cmp(&(other.start, &other.id)));
        // A batch that was sent again.
        spans.dedup_by(|one, other| one.id == other.id);
        Ok(Self {
            id: id.to_owned(),
            spans,
        })
    }

    pub(crate) fn start(&self) -> u64 {
        self.spans.first().map_or(0, |span| span.start)
    }

    /// From the first start to the last end.
    pub(crate) fn nanos(&self) -> u64 {
        let end = self.spans.iter().map(|span| span.end).max();
        end.unwrap_or_default().saturating_sub(self.start())
    }

    /// Whether the span has come that all others are below; it ends last.
    pub(crate) fn has_root(&self) -> bool {
        self.spans.iter().any(|span| span.parent.is_empty())
    }

    pub(crate) fn has_error(&self) -> bool {
        self.spans.iter().any(|span| span.error.is_some())
    }
}

fn parse(span: &Value, resource: &BTreeMap<String, Value>) -> Span {
    const KINDS: [&str; 6] = ["", "internal", "server", "client", "producer", "consumer"];
    let kind = span["kind"]
        .as_u64()
        .and_then(|it| usize::try_from(it).ok());
    let error = (span["status"]["code"] == 2).then(|| text(&span["status"]["message"]));
    Span {
        id: text(&span["spanId"]),
        parent: text(&span["parentSpanId"]),
        service: resource
            .get("service.name")
            .map(text)
            .unwrap_or_else(|| "unknown".to_owned()),
        name: text(&span["name"]),
        kind: kind
            .and_then(|it| KINDS.get(it))
            .copied()
            .unwrap_or_default(),
        start: number(&span["startTimeUnixNano"]),
        end: number(&span["endTimeUnixNano"]),
        attributes: attributes(&span["attributes"]),
        resource: resource.clone(),
        links: list(&span["links"])
            .map(|link| (text(&link["traceId"]), text(&link["spanId"])))
            .collect(),
        error,
    }
}

/// `[{"key": "a", "value": {"intValue": "1"}}]` as `{"a": 1}` (OTLP's `AnyValue`).
fn attributes(value: &Value) -> BTreeMap<String, Value> {
    list(value)
        .map(|attribute| (text(&attribute["key"]), plain(&attribute["value"])))
        .collect()
}

fn plain(value: &Value) -> Value {
    let Some((kind, inner)) = value.as_object().and_then(|it| it.iter().next()) else {
        return Value::Null;
    };
    match kind.as_str() {
        // 64 bits, so JSON has it as a string.
        "intValue" => match inner {
            Value::String(digits) => digits.parse::<i64>().map_or(Value::Null, Value::from),
            other => other.clone(),
        },
        "arrayValue" => list(&inner["values"]).map(plain).collect(),
        "kvlistValue" => Value::Object(attributes(&inner["values"]).into_iter().collect()),
        _ => inner.clone(),
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn number(value: &Value) -> u64 {
    match value {
        Value::String(digits) => digits.parse().unwrap_or_default(),
        other => other.as_u64().unwrap_or_default(),
    }
}

/// The store's folder, in that of a stack's state.
pub(crate) fn folder(state: &Path) -> PathBuf {
    state.join("traces")
}

/// The newest files, those that were last written to first.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<(SystemTime, PathBuf)> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let path = entry.path();
            let ours = path.extension().is_some_and(|it| it == EXTENSION);
            ours.then_some((entry.metadata().ok()?.modified().ok()?, path))
        })
        .collect();
    files.sort();
    files.into_iter().rev().map(|(_, path)| path).collect()
}

/// The newest traces; one that is damaged is left out.
pub(crate) fn newest(folder: &Path, count: usize) -> Vec<Trace> {
    let mut traces: Vec<_> = files(folder)
        .iter()
        .take(count)
        .filter_map(|path| Trace::read(path).ok())
        .collect();
    traces.sort_by_key(|trace| std::cmp::Reverse(trace.start()));
    traces
}

/// The trace whose id begins like this.
///
/// # Errors
///
/// There is none, or there are several.
pub(crate) fn find(folder: &Path, id: &str) -> Result<Trace> {
    let id = id.to_ascii_lowercase();
    let found: Vec<_> = files(folder)
        .into_iter()
        .filter(|path| {
            path.file_stem()
                .is_some_and(|stem| stem.to_string_lossy().starts_with(&id))
        })
        .collect();
    match found.as_slice() {
        [path] => Trace::read(path),
        [] => bail!("no trace {id}: it was not sampled, has not come yet, or is too old"),
        several => bail!("{} traces begin with {id}", several.len()),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A gateway's span, its function's, and a third that failed.
    pub(crate) const TRACE: &str = concat!(
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
        Trace::parse("4bf92f3577b34da6a3ce929d0e0e4736", TRACE).unwrap()
    }

    #[test]
    fn otlps_json_is_read() {
        let trace = sample();
        assert_eq!(trace.nanos(), 12_000_000);
        assert!(trace.has_error());
        let [gateway, function, store] = trace.spans.as_slice() else {
            panic!("{trace:?}");
        };
        assert_eq!(gateway.attributes["http.response.status_code"], 503);
        assert_eq!(
            (function.service.as_str(), function.kind),
            ("pictures-create", "server")
        );
        assert_eq!(store.parent, function.id);
        assert_eq!(store.error.as_deref(), Some("no route to S3"));
    }

    #[test]
    fn a_batch_that_came_twice_counts_once() {
        let twice = format!("{TRACE}{TRACE}");
        assert_eq!(Trace::parse("a", &twice).unwrap().spans.len(), 3);
    }

    #[test]
    fn a_trace_is_found_by_the_beginning_of_its_id() {
        let folder = std::env::temp_dir().join(format!("xtask-traces-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("4bf92f3577b34da6a3ce929d0e0e4736.jsonl"), TRACE).unwrap();
        fs::write(folder.join("4b000000000000000000000000000000.jsonl"), "{").unwrap();
        assert_eq!(find(&folder, "4BF9").unwrap(), sample());
        assert!(
            find(&folder, "4b")
                .unwrap_err()
                .to_string()
                .contains("2 traces")
        );
        assert!(
            find(&folder, "77")
                .unwrap_err()
                .to_string()
                .contains("no trace 77")
        );
        assert_eq!(newest(&folder, 10), [sample()]);
        fs::remove_dir_all(folder).unwrap();
    }
}
