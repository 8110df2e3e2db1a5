//! `cargo xtask trace`: traces in the terminal.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, Result, ensure};
use clap::Args;

use crate::{
    observe::trace::{Trace, export, find, folder, newest, render},
    progress::say,
    stack::{self, Stack},
};

/// Traces in the list.
const LISTED: usize = 20;

#[derive(Args)]
pub(crate) struct Options {
    /// The trace's id, or its beginning; a list of the newest if left out
    id: Option<String>,
    /// The newest whose first span has come
    #[arg(short, long, conflicts_with = "id")]
    last: bool,
    /// Write it to a file that Jaeger's search page takes ("Upload")
    #[arg(short, long, value_name = "FILE")]
    export: Option<PathBuf>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let folder = folder(&Stack::state(stack::in_use()));
    let trace = match &options.id {
        Some(id) => find(&folder, id)?,
        None => {
            let traces = newest(&folder, LISTED);
            ensure!(
                !traces.is_empty(),
                "no traces yet: start `cargo xtask up --observe`, and call something"
            );
            if !options.last && options.export.is_none() {
                traces.iter().for_each(|trace| say(line(trace)));
                return Ok(());
            }
            let newest = traces.iter().find(|trace| trace.has_root());
            newest.or(traces.first()).context("no traces yet")?.clone()
        }
    };
    match &options.export {
        Some(file) => {
            fs::write(file, serde_json::to_string_pretty(&export(&trace))? + "\n")
                .with_context(|| format!("cannot write {}", file.display()))?;
            say(format!("trace {} is in {}", trace.id, file.display()));
        }
        None => say(render(&trace).trim_end()),
    }
    Ok(())
}

fn line(trace: &Trace) -> String {
    let (service, name) = trace
        .spans
        .iter()
        .find(|span| span.parent.is_empty())
        .or(trace.spans.first())
        .map_or(("", ""), |span| (&span.service, &span.name));
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let ago = now.saturating_sub(Duration::from_nanos(trace.start()));
    format!(
        "{}  {:>7} s ago  {:>9.2} ms  {:>3} spans  {} {service}: {name}",
        trace.id,
        ago.as_secs(),
        Duration::from_nanos(trace.nanos()).as_secs_f64() * 1e3,
        trace.spans.len(),
        if trace.has_error() { "✗" } else { " " },
    )
}
