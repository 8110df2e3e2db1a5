//! A trace as a tree, for a terminal.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use serde_json::Value;

use crate::{Kind, Span, Trace};

/// Width of the bar that shows when a span ran.
const BAR: usize = 30;

/// Columns after which attributes wrap.
const WIDTH: usize = 110;

/// Draws a trace, one span a line, with each span's duration, position and attributes.
pub fn render(trace: &Trace) -> String {
    let services: BTreeSet<_> = trace.spans.iter().map(|span| &span.service).collect();
    let mut text = format!(
        "trace {}: {}, {} spans, {} services\n\n",
        trace.id,
        millis(trace.nanos()),
        trace.spans.len(),
        services.len(),
    );
    let known: BTreeSet<_> = trace
        .spans
        .iter()
        .map(|span| span.span_id.as_str())
        .collect();
    let mut children: BTreeMap<&str, Vec<&Span>> = BTreeMap::new();
    let mut roots = Vec::new();
    for span in &trace.spans {
        if known.contains(span.parent_span_id.as_str()) && span.parent_span_id != span.span_id {
            children.entry(&span.parent_span_id).or_default().push(span);
        } else {
            roots.push(span);
        }
    }
    let tree = Tree { trace, children };
    for root in roots {
        tree.span(&mut text, root, "", "");
    }
    text
}

struct Tree<'a> {
    trace: &'a Trace,
    children: BTreeMap<&'a str, Vec<&'a Span>>,
}

impl Tree<'_> {
    /// Writes a span and its children. `first` is the prefix of the span's own line, `rest` of
    /// the lines below.
    fn span(&self, text: &mut String, span: &Span, first: &str, rest: &str) {
        let head = format!("{first}{}: {}", span.service, span.name);
        let kind = match span.kind {
            Kind::Internal => "",
            Kind::Server => " [server]",
            Kind::Client => " [client]",
            Kind::Producer => " [producer]",
            Kind::Consumer => " [consumer]",
        };
        let mark = if span.error { " ✗" } else { "" };
        let _ = writeln!(
            text,
            "{} {:>10}  {head}{kind}{mark}",
            self.bar(span),
            millis(span.nanos()),
        );
        let children = self
            .children
            .get(span.span_id.as_str())
            .map_or(&[][..], Vec::as_slice);
        let margin = " ".repeat(BAR + 15);
        let stem = if children.is_empty() { "  " } else { "│ " };
        let mut facts = Vec::new();
        if !span.status_message.is_empty() {
            facts.push(format!("error={}", span.status_message));
        }
        if !span.parent_span_id.is_empty() && first.is_empty() {
            facts.push(format!("parent={} (missing)", span.parent_span_id));
        }
        for link in &span.links {
            facts.push(format!("link={}/{}", link.trace_id, link.span_id));
        }
        facts.extend(
            span.attributes
                .iter()
                .map(|(key, value)| format!("{key}={}", shown(value))),
        );
        for line in wrap(&facts) {
            let _ = writeln!(text, "{margin}{rest}{stem}{line}");
        }
        for (index, child) in children.iter().enumerate() {
            let (branch, below) = if index + 1 == children.len() {
                ("└─ ", "   ")
            } else {
                ("├─ ", "│  ")
            };
            self.span(
                text,
                child,
                &format!("{rest}{branch}"),
                &format!("{rest}{below}"),
            );
        }
    }

    /// The span's share of the trace's time, as a bar.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "columns of a terminal"
    )]
    fn bar(&self, span: &Span) -> String {
        let whole = self.trace.nanos().max(1) as f64;
        let column = |nanos: u64| (nanos as f64 / whole * BAR as f64) as usize;
        let from = column(span.start_nanos.saturating_sub(self.trace.start())).min(BAR - 1);
        let to = column(span.end_nanos.saturating_sub(self.trace.start()));
        let to = to.clamp(from + 1, BAR);
        format!(
            "{}{}{}",
            "·".repeat(from),
            "█".repeat(to - from),
            "·".repeat(BAR - to)
        )
    }
}

#[allow(clippy::cast_precision_loss, reason = "only for display")]
pub(crate) fn millis(nanos: u64) -> String {
    format!("{:.2} ms", nanos as f64 / 1e6)
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Joins facts into lines of at most `WIDTH` columns.
fn wrap(facts: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for fact in facts {
        match lines.last_mut() {
            Some(line) if line.chars().count() + fact.chars().count() + 2 <= WIDTH => {
                line.push_str("  ");
                line.push_str(fact);
            }
            _ => lines.push(fact.clone()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::tests::sample;

    #[test]
    fn a_trace_is_drawn_as_a_tree() {
        let text = render(&sample());
        let lines: Vec<_> = text.lines().map(str::trim_end).collect();
        assert_eq!(
            lines[0],
            "trace 4bf92f3577b34da6a3ce929d0e0e4736: 12.00 ms, 3 spans, 2 services"
        );
        let whole = "█".repeat(BAR);
        assert_eq!(
            lines[2],
            format!("{whole}   12.00 ms  gateway: POST /grpc/pictures [server]")
        );
        assert!(
            lines[3].ends_with("│ http.response.status_code=503  url.path=/grpc/pictures"),
            "{text}"
        );
        assert!(
            lines[4].ends_with("9.00 ms  └─ pictures-create: pictures-create [server]"),
            "{text}"
        );
        assert!(
            lines[6].ends_with("└─ pictures-create: S3.PutObject [client] ✗"),
            "{text}"
        );
        assert!(lines[7].ends_with("error=no route to S3"), "{text}");
        assert!(lines[6].starts_with("·······█"), "{text}");
    }

    #[test]
    fn a_span_whose_parent_is_missing_is_a_root() {
        let mut trace = sample();
        trace.spans.remove(0);
        let text = render(&trace);
        assert!(text.contains("parent=00000000000000a1 (missing)"), "{text}");
    }
}
