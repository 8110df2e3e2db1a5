//! Observability of a stack: Prometheus with the project's rules, traces, dashboards, and
//! checks of them.

pub(crate) mod dashboards;
pub(crate) mod evaluation;
pub(crate) mod lint;
pub(crate) mod prometheus;

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::{port, tools::prometheus as tool, workspace::root};

/// Observability options of a stack.
#[derive(Clone, Copy)]
pub(crate) struct Observe {
    /// Port that the stack's programs send their spans to (OTLP over HTTP).
    pub(crate) otlp: u16,
    /// Whether the trace store listens there, rather than the tests.
    pub(crate) store: bool,
    pub(crate) prometheus: Option<Prometheus>,
}

/// A Prometheus that scrapes the gateway.
#[derive(Clone, Copy)]
pub(crate) struct Prometheus {
    /// Port that it listens on.
    pub(crate) port: u16,
    /// Scrape and evaluation interval, as Prometheus writes it.
    pub(crate) interval: &'static str,
}

impl Observe {
    /// For `up`, on the documented ports.
    ///
    /// # Errors
    ///
    /// A port is in use; the error names the variable that changes it.
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

    /// For tests that query Prometheus as well.
    pub(crate) fn for_tests() -> Result<Self> {
        Ok(Self {
            prometheus: Some(Prometheus {
                port: port::free()?,
                interval: "1s",
            }),
            ..Self::spans()?
        })
    }

    /// The OTLP endpoint.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.otlp)
    }

    /// The addresses, for display.
    pub(crate) fn summary(&self) -> String {
        let port = self.prometheus.map_or(0, |prometheus| prometheus.port);
        let pages = if tool::has_pages() {
            format!("http://localhost:{port}/alerts, /graph, /targets")
        } else {
            format!(
                "http://localhost:{port}/api/v1/alerts, /api/v1/query?query=… (for its pages: \
                 `apt-get install prometheus`)"
            )
        };
        format!(
            "\nObservability:\n\n  \
             Prometheus  {pages}\n  \
             traces      cargo xtask trace   (--last, or <id>)\n  \
             docs        docs/observability.md"
        )
    }

    /// Installs the programs that are missing.
    pub(crate) fn install() -> Result<()> {
        tool::install()
    }
}

/// The trace store's folder, within a stack's state.
pub(crate) fn traces(state: &Path) -> PathBuf {
    state.join("traces")
}

/// The folder with Prometheus's configuration and rules.
fn sources() -> PathBuf {
    root().join("deploy/observability/prometheus")
}
