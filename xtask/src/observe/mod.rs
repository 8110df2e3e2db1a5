//! Seeing what a stack does: Prometheus with the project's own rules, the traces that the
//! stack's programs send, the dashboards, and the checks that all of these hold.

pub(crate) mod dashboards;
pub(crate) mod evaluation;
pub(crate) mod lint;
pub(crate) mod prometheus;
pub(crate) mod trace;

use std::path::PathBuf;

use anyhow::Result;

use crate::{
    stack::{free_port, optional_port},
    tools::prometheus as tool,
    workspace::root,
};

/// What watches a stack, beside its own parts.
#[derive(Clone, Copy)]
pub(crate) struct Observe {
    /// Where Prometheus listens.
    pub(crate) prometheus: u16,
    /// How often it scrapes and evaluates, in Prometheus's terms.
    pub(crate) interval: &'static str,
    /// Where the trace store listens, for OTLP over HTTP.
    pub(crate) traces: Option<u16>,
}

impl Observe {
    /// For `up`: on the ports that people know.
    ///
    /// # Errors
    ///
    /// Names a port that is taken, and the variable that moves it.
    pub(crate) fn fixed() -> Result<Self> {
        Ok(Self {
            prometheus: optional_port("TRICHROME_PORT_PROMETHEUS", 9090, "Prometheus")?,
            interval: "5s",
            traces: Some(optional_port(
                "TRICHROME_PORT_OTLP",
                4318,
                "traces over OTLP",
            )?),
        })
    }

    /// For tests: Prometheus alone; they receive the traces themselves.
    pub(crate) fn for_tests() -> Result<Self> {
        Ok(Self {
            prometheus: free_port()?,
            interval: "1s",
            traces: None,
        })
    }

    /// Where to look, for whoever started it.
    pub(crate) fn summary(&self) -> String {
        let prometheus = self.prometheus;
        let pages = if tool::has_pages() {
            format!("http://localhost:{prometheus}/alerts, /graph, /targets")
        } else {
            // Debian's server has its pages from packages of their own.
            format!(
                "http://localhost:{prometheus}/api/v1/alerts, /api/v1/query?query=… (its pages \
                 come with `apt-get install prometheus`)"
            )
        };
        format!(
            "\nWatched:\n\n  \
             Prometheus  {pages}\n  \
             traces      cargo xtask trace   (--last; <id>; --export FILE, for Jaeger's page)\n  \
             docs        docs/observability.md"
        )
    }

    /// Gets the programs.
    pub(crate) fn install() -> Result<()> {
        tool::install()
    }
}

/// Where Prometheus's configuration and rules are.
fn sources() -> PathBuf {
    root().join("deploy/observability/prometheus")
}
