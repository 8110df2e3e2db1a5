//! Keeps traces in files: one a trace, `<trace id>.jsonl`, whose lines are OTLP's JSON form
//! of that trace's spans.

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    fs::{self, File},
    io::{self, Write as _},
    path::PathBuf,
    time::SystemTime,
};

use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans};

use crate::ExportTraceServiceRequest;

/// How a file's name ends.
const EXTENSION: &str = "jsonl";

/// A folder of traces; the oldest goes where one too many comes.
pub struct Store {
    folder: PathBuf,
    most: usize,
    /// Oldest first.
    kept: VecDeque<String>,
    known: HashSet<String>,
}

impl Store {
    /// Opens the folder, with what an earlier run kept; holds at most `most` traces.
    ///
    /// # Errors
    ///
    /// The folder cannot be made or read.
    pub fn open(folder: PathBuf, most: usize) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        let mut found: Vec<(SystemTime, String)> = Vec::new();
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let path = entry.path();
            if path.extension().is_some_and(|it| it == EXTENSION)
                && let Some(id) = path.file_stem()
            {
                let at = entry.metadata()?.modified()?;
                found.push((at, id.to_string_lossy().into_owned()));
            }
        }
        found.sort();
        let kept: VecDeque<_> = found.into_iter().map(|(_, id)| id).collect();
        Ok(Self {
            folder,
            most,
            known: kept.iter().cloned().collect(),
            kept,
        })
    }

    /// Adds the spans of a request to their traces' files.
    ///
    /// # Errors
    ///
    /// A file cannot be written.
    pub fn put(&mut self, request: ExportTraceServiceRequest) -> io::Result<()> {
        for (id, part) in divide(request) {
            let path = self.path(&id);
            let mut line = serde_json::to_string(&part)?;
            line.push('\n');
            let mut file = File::options().create(true).append(true).open(path)?;
            // At once: a line is not read half-written.
            file.write_all(line.as_bytes())?;
            if self.known.insert(id.clone()) {
                self.kept.push_back(id);
            }
        }
        while self.kept.len() > self.most {
            if let Some(id) = self.kept.pop_front() {
                self.known.remove(&id);
                match fs::remove_file(self.path(&id)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn path(&self, id: &str) -> PathBuf {
        self.folder.join(id).with_extension(EXTENSION)
    }
}

/// A request's spans by their trace's id (hexadecimal, so it is safe as a file's name).
fn divide(request: ExportTraceServiceRequest) -> BTreeMap<String, ExportTraceServiceRequest> {
    let mut traces: BTreeMap<String, ExportTraceServiceRequest> = BTreeMap::new();
    for group in request.resource_spans {
        for scope in group.scope_spans {
            let mut spans: BTreeMap<String, Vec<_>> = BTreeMap::new();
            for span in scope.spans {
                spans.entry(hex(&span.trace_id)).or_default().push(span);
            }
            for (id, spans) in spans {
                let part = ResourceSpans {
                    resource: group.resource.clone(),
                    scope_spans: vec![ScopeSpans {
                        scope: scope.scope.clone(),
                        spans,
                        schema_url: scope.schema_url.clone(),
                    }],
                    schema_url: group.schema_url.clone(),
                };
                traces.entry(id).or_default().resource_spans.push(part);
            }
        }
    }
    traces
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::trace::v1::Span;
    use serde_json::Value;

    use super::*;

    fn request(traces: &[u8]) -> ExportTraceServiceRequest {
        let span = |trace: &u8| Span {
            trace_id: vec![*trace; 16],
            span_id: vec![7; 8],
            name: "work".to_owned(),
            start_time_unix_nano: 1_700_000_000_000_000_001,
            ..Span::default()
        };
        ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans {
                scope_spans: vec![ScopeSpans {
                    spans: traces.iter().map(span).collect(),
                    ..ScopeSpans::default()
                }],
                ..ResourceSpans::default()
            }],
        }
    }

    fn folder(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("otlp-{name}-{}", std::process::id()))
    }

    fn names(folder: &PathBuf) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn each_trace_has_a_file_of_otlps_json() {
        let folder = folder("files");
        let mut store = Store::open(folder.clone(), 10).unwrap();
        store.put(request(&[0xab, 0x01, 0xab])).unwrap();
        store.put(request(&[0xab])).unwrap();
        let (one, other) = ("01".repeat(16), "ab".repeat(16));
        assert_eq!(
            names(&folder),
            [format!("{one}.jsonl"), format!("{other}.jsonl")]
        );
        let text = fs::read_to_string(folder.join(format!("{other}.jsonl"))).unwrap();
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 2);
        let spans = &lines[0]["resourceSpans"][0]["scopeSpans"][0]["spans"];
        assert_eq!(spans.as_array().unwrap().len(), 2);
        assert_eq!(spans[0]["traceId"], other);
        assert_eq!(spans[0]["startTimeUnixNano"], "1700000000000000001");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn the_oldest_goes_where_one_too_many_comes() {
        let folder = folder("bound");
        let mut store = Store::open(folder.clone(), 2).unwrap();
        for trace in [1, 2, 3] {
            store.put(request(&[trace])).unwrap();
        }
        assert_eq!(names(&folder).len(), 2);
        assert!(!folder.join(format!("{}.jsonl", "01".repeat(16))).exists());
        // What an earlier run kept counts too.
        let mut store = Store::open(folder.clone(), 2).unwrap();
        store.put(request(&[4])).unwrap();
        assert_eq!(names(&folder).len(), 2);
        fs::remove_dir_all(folder).unwrap();
    }
}
