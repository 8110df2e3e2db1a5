//! Observability of a stack: Prometheus with the project's rules, traces, dashboards, and
//! checks of them.

pub(crate) mod dashboards;
pub(crate) mod evaluation;
pub(crate) mod lint;
pub(crate) mod prometheus;

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use crate::{port, stack::Ports, tools::prometheus as tool, workspace::root};

/// Observability options of a stack.
#[derive(Clone, Copy)]
pub(crate) struct Observe {
    /// Port that the stack's programs send their spans to (OTLP over HTTP).
    pub(crate) otlp: u16,
    /// Whether the trace store listens there, rather than the tests.
    pub(crate) store: bool,
    /// Port of the Jaeger that receives the spans, if one does.
    pub(crate) jaeger: Option<u16>,
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
    /// A port is in use, or one of the stack's; the error names the variable that changes it.
    pub(crate) fn fixed(ports: &Ports) -> Result<Self> {
        const OTLP: &str = "TRICHROME_PORT_OTLP";
        const PROMETHEUS: &str = "TRICHROME_PORT_PROMETHEUS";
        let otlp = port::optional(OTLP, 4318, "traces over OTLP")?;
        let prometheus = port::optional(PROMETHEUS, 9090, "Prometheus")?;
        let mut given = ports.named().to_vec();
        given.extend([(OTLP, otlp), (PROMETHEUS, prometheus)]);
        let problems = port::shared(&given);
        ensure!(problems.is_empty(), "{}", problems.join("\n       "));
        Ok(Self {
            otlp,
            store: true,
            jaeger: None,
            prometheus: Some(Prometheus {
                port: prometheus,
                interval: "1s",
            }),
        })
    }

    /// For tests that receive the spans themselves.
    pub(crate) fn spans() -> Result<Self> {
        Ok(Self {
            otlp: port::free()?,
            store: false,
            jaeger: None,
            prometheus: None,
        })
    }

    /// For tests that read the spans from Jaeger, behind a collector.
    pub(crate) fn kept(otlp: u16, jaeger: u16) -> Self {
        Self {
            otlp,
            store: false,
            jaeger: Some(jaeger),
            prometheus: None,
        }
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

    /// The addresses, for display. Prometheus has to run.
    pub(crate) fn summary(&self) -> String {
        let port = self.prometheus.map_or(0, |prometheus| prometheus.port);
        let mut pages = prometheus::pages(port).join(", ");
        if pages.is_empty() {
            pages =
                "/api/v1/alerts, /api/v1/query?query=… (this Prometheus has no pages)".to_owned();
        }
        format!(
            "\nObservability:\n\n  \
             Prometheus  http://localhost:{port}{pages}\n  \
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
