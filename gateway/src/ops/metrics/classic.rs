//! Prometheus's older text format, for scrapers that do not ask for OpenMetrics, and for
//! `promtool check metrics`, which reads no other.
//!
//! Source: Prometheus, "Exposition formats", "Text-based format". It differs in four things:
//! a counter's name ends in `_total` in its description too, an info is a gauge with its
//! whole name, there are no exemplars, and no mark at the end.

/// The media type.
pub(crate) const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The same metrics; `text` is in OpenMetrics's format, as it is written here: a metric's
/// type comes after its help, and both before its values.
pub(crate) fn from_openmetrics(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let name = rest.split(' ').next().unwrap_or_default();
            let kind = lines
                .peek()
                .and_then(|next| next.strip_prefix("# TYPE "))
                .and_then(|next| next.strip_prefix(name))
                .map_or("", str::trim);
            put(&mut out, &described(line, kind));
        } else if let Some((_, kind)) = line.rsplit_once(' ')
            && line.starts_with("# TYPE ")
        {
            let line = described(line, kind);
            match line.strip_suffix(" info") {
                Some(name) => put(&mut out, &format!("{name} gauge")),
                None => put(&mut out, &line),
            }
        } else if !line.starts_with('#') {
            // No label value of ours holds this: they are a contract's names and ids.
            let value = line.split_once(" # {").map_or(line, |(value, _)| value);
            put(&mut out, value);
        }
    }
    out
}

/// `# HELP name …` or `# TYPE name …`, with the name that the values of this kind have.
fn described(line: &str, kind: &str) -> String {
    let mut parts = line.splitn(4, ' ');
    let mut part = || parts.next().unwrap_or_default();
    let (mark, what, name, rest) = (part(), part(), part(), part());
    let suffix = match kind {
        "counter" => "_total",
        "info" => "_info",
        _ => "",
    };
    format!("{mark} {what} {name}{suffix} {rest}")
}

fn put(out: &mut String, line: &str) {
    out.push_str(line);
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_exemplars_and_the_end_differ() {
        let text = "# HELP calls Calls that ended.\n# TYPE calls counter\n\
            calls_total{a=\"b\"} 1\n# HELP took How long.\n# TYPE took histogram\n\
            took_bucket{le=\"1.0\"} 1 # {trace_id=\"abc\"} 0.5 1.0\n\
            # HELP build Which.\n# TYPE build info\nbuild_info{v=\"1\"} 1\n# EOF\n";
        assert_eq!(
            from_openmetrics(text),
            "# HELP calls_total Calls that ended.\n# TYPE calls_total counter\n\
             calls_total{a=\"b\"} 1\n# HELP took How long.\n# TYPE took histogram\n\
             took_bucket{le=\"1.0\"} 1\n\
             # HELP build_info Which.\n# TYPE build_info gauge\nbuild_info{v=\"1\"} 1\n"
        );
    }
}
