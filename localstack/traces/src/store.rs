//! Stores traces as files, `<trace id>.jsonl`: each line is an export request in OTLP's JSON
//! encoding with spans of that trace.

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    fs::{self, File},
    io::{self, Write as _},
    path::PathBuf,
    time::SystemTime,
};

use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans};

use crate::{ExportTraceServiceRequest, span::hex};

pub(crate) const EXTENSION: &str = "jsonl";

/// A folder of traces. The oldest trace is removed when the folder is full.
pub struct Store {
    folder: PathBuf,
    capacity: usize,
    /// Ids, oldest first.
    kept: VecDeque<String>,
    known: HashSet<String>,
}

impl Store {
    /// Opens a folder that holds up to `capacity` traces, counting those of earlier runs.
    ///
    /// # Errors
    ///
    /// The folder can't be created or read.
    pub fn open(folder: PathBuf, capacity: usize) -> io::Result<Self> {
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
            capacity,
            known: kept.iter().cloned().collect(),
            kept,
        })
    }

    /// Appends the spans of a request to the files of their traces.
    ///
    /// # Errors
    ///
    /// A file can't be written.
    pub fn put(&mut self, request: ExportTraceServiceRequest) -> io::Result<()> {
        for (id, part) in divide(request) {
            let path = self.path(&id);
            let mut line = serde_json::to_string(&part)?;
            line.push('\n');
            let mut file = File::options().create(true).append(true).open(path)?;
            // In one write, so that readers never see half a line.
            file.write_all(line.as_bytes())?;
            if self.known.insert(id.clone()) {
                self.kept.push_back(id);
            }
        }
        while self.kept.len() > self.capacity {
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

/// Splits a request by trace id (in hexadecimal, which is safe in a file name).
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
        std::env::temp_dir().join(format!("traces-{name}-{}", std::process::id()))
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
    fn each_trace_has_a_file_in_otlps_json() {
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
    fn the_oldest_trace_is_removed_from_a_full_folder() {
        let folder = folder("bound");
        let mut store = Store::open(folder.clone(), 2).unwrap();
        for trace in [1, 2, 3] {
            store.put(request(&[trace])).unwrap();
        }
        assert_eq!(names(&folder).len(), 2);
        assert!(!folder.join(format!("{}.jsonl", "01".repeat(16))).exists());
        // Traces of an earlier run count too.
        let mut store = Store::open(folder.clone(), 2).unwrap();
        store.put(request(&[4])).unwrap();
        assert_eq!(names(&folder).len(), 2);
        fs::remove_dir_all(folder).unwrap();
    }
}
