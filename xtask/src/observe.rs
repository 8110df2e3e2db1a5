//! Seeing what a stack does: Prometheus with the project's own rules, the traces that the
//! stack's programs send, the dashboards, and the checks that all of these hold.

pub(crate) mod dashboards;
pub(crate) mod evaluation;
pub(crate) mod lint;
pub(crate) mod prometheus;
pub(crate) mod trace;

use std::path::PathBuf;

use anyhow::Result;

use crate::{port, tools::prometheus as tool, workspace::root};

/// What watches a stack, beside its own parts.
#[derive(Clone, Copy)]
pub(crate) struct Observe {
    /// Where the stack's programs send their spans, OTLP over HTTP.
    pub(crate) otlp: u16,
    /// Whether the trace store listens there; else whoever wants to does.
    pub(crate) store: bool,
    pub(crate) prometheus: Option<Prometheus>,
}

/// A Prometheus that scrapes the gateway.
#[derive(Clone, Copy)]
pub(crate) struct Prometheus {
    /// Where it listens.
    pub(crate) port: u16,
    /// How often it scrapes and evaluates, in its own terms.
    pub(crate) interval: &'static str,
}

impl Observe {
    /// For `up`: on the ports that people know.
    ///
    /// # Errors
    ///
    /// Names a port that is taken, and the variable that moves it.
    pub(crate) fn fixed() -> Result<Self> {
        Ok(Self {
            otlp: port::optional("TRICHROME_PORT_OTLP", 4318, "traces over OTLP")?,
            store: true,
            prometheus: Some(Prometheus {
                port: port::optional("TRICHROME_PORT_PROMETHEUS", 9090, "Prometheus")?,
                interval: "1s",
            }),
        })
    }

    /// For tests that receive the spans themselves.
    pub(crate) fn spans() -> Result<Self> {
        Ok(Self {
            otlp: port::free()?,
            store: false,
            prometheus: None,
        })
    }

    /// For tests that ask Prometheus as well.
    pub(crate) fn for_tests() -> Result<Self> {
        Ok(Self {
            prometheus: Some(Prometheus {
                port: port::free()?,
                interval: "1s",
            }),
            ..Self::spans()?
        })
    }

    /// Where the spans go.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.otlp)
    }

    /// Where to look, for whoever started it.
    pub(crate) fn summary(&self) -> String {
        let port = self.prometheus.map_or(0, |prometheus| prometheus.port);
        let pages = if tool::has_pages() {
            format!("http://localhost:{port}/alerts, /graph, /targets")
        } else {
            // Debian's server has its pages from packages of their own.
            format!(
                "http://localhost:{port}/api/v1/alerts, /api/v1/query?query=… (its pages \
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
