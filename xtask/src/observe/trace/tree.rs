//! A trace as a tree, for a terminal.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use serde_json::Value;

use super::{Span, Trace};

/// Columns of the bar that shows when a span was under way.
const BAR: usize = 30;

/// Where attributes go on in a new line.
const WIDTH: usize = 110;

/// The trace, span by span: how long each took, when within the whole, and what is known of it.
pub(crate) fn render(trace: &Trace) -> String {
    let services: BTreeSet<_> = trace.spans.iter().map(|span| &span.service).collect();
    let mut text = format!(
        "trace {}: {}, {} spans, {} services\n\n",
        trace.id,
        millis(trace.nanos()),
        trace.spans.len(),
        services.len(),
    );
    let known: BTreeSet<_> = trace.spans.iter().map(|span| span.id.as_str()).collect();
    let mut children: BTreeMap<&str, Vec<&Span>> = BTreeMap::new();
    let mut roots = Vec::new();
    for span in &trace.spans {
        if known.contains(span.parent.as_str()) && span.parent != span.id {
            children.entry(&span.parent).or_default().push(span);
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
    /// Writes a span and those below it: `first` is before its own line, `rest` before all
    /// that follow.
    fn span(&self, text: &mut String, span: &Span, first: &str, rest: &str) {
        let head = format!("{first}{}: {}", span.service, span.name);
        let kind = match span.kind {
            "" | "internal" => String::new(),
            kind => format!(" [{kind}]"),
        };
        let mark = if span.error.is_some() { " ✗" } else { "" };
        let _ = writeln!(
            text,
            "{} {:>10}  {head}{kind}{mark}",
            self.bar(span),
            millis(span.nanos()),
        );
        let children = self
            .children
            .get(span.id.as_str())
            .map_or(&[][..], Vec::as_slice);
        let margin = " ".repeat(BAR + 15);
        let stem = if children.is_empty() { "  " } else { "│ " };
        let mut facts = Vec::new();
        if let Some(error) = span.error.as_deref().filter(|error| !error.is_empty()) {
            facts.push(format!("error={error}"));
        }
        if !span.parent.is_empty() && first.is_empty() {
            facts.push(format!("parent={} (not here)", span.parent));
        }
        for (trace, id) in &span.links {
            facts.push(format!("link={trace}/{id}"));
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

    /// Where the span lies within the whole.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "columns of a terminal"
    )]
    fn bar(&self, span: &Span) -> String {
        let whole = self.trace.nanos().max(1) as f64;
        let column = |nanos: u64| (nanos as f64 / whole * BAR as f64) as usize;
        let from = column(span.start.saturating_sub(self.trace.start())).min(BAR - 1);
        let to = column(span.end.saturating_sub(self.trace.start()));
        let to = to.clamp(from + 1, BAR);
        format!(
            "{}{}{}",
            "·".repeat(from),
            "█".repeat(to - from),
            "·".repeat(BAR - to)
        )
    }
}

#[allow(clippy::cast_precision_loss, reason = "shown to three places")]
pub(super) fn millis(nanos: u64) -> String {
    format!("{:.2} ms", nanos as f64 / 1e6)
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Facts side by side, as many as a line takes.
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
    use super::{super::tests::sample, *};

    #[test]
    fn a_trace_reads_as_a_tree() {
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
    fn a_span_without_its_parent_is_a_root_that_says_so() {
        let mut trace = sample();
        trace.spans.remove(0);
        let text = render(&trace);
        assert!(
            text.contains("parent=00000000000000a1 (not here)"),
            "{text}"
        );
    }
}
