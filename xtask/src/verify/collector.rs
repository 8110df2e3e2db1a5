//! The OpenTelemetry Collector, with the project's configuration.

use std::{path::PathBuf, process::Command};

use anyhow::Result;
use serde_json::{Value, json};

use super::{
    Checks, Part,
    go_program::{GoProgram, Workshop},
};
use crate::workspace::root;

pub(super) static PART: Part = Part {
    name: "collector",
    about: "the OpenTelemetry Collector accepts the project's configuration",
    needs: &[&OTELCOL],
    run,
};

pub(super) static OTELCOL: GoProgram = GoProgram {
    name: "otelcol",
    version: "0.161.0",
    gigabytes: 3,
    sources: &["deploy/observability/collector/builder.yaml"],
    build,
};

pub(super) const CONFIG: &str = "deploy/observability/collector/config.yaml";

fn build(workshop: &Workshop) -> Result<PathBuf> {
    let builder = format!(
        "go.opentelemetry.io/collector/cmd/builder@v{}",
        OTELCOL.version
    );
    workshop.go(["run", &builder, "--config", "builder.yaml"])?;
    Ok(workshop.folder.join("otelcol/otelcol"))
}

fn run(checks: &mut Checks) -> Result<()> {
    let program = OTELCOL.get()?;
    let validate = || {
        let mut command = Command::new(&program);
        command
            .args(["validate", "--config"])
            .arg(root().join(CONFIG));
        command
    };
    checks.accepts("otelcol validate", &mut validate())?;
    checks.refuses(
        "otelcol validate: a misspelt setting",
        validate().arg("--set=processors.batch.time_out=1s"),
        "time_out",
    )
}

/// Where the collector listens, and where it sends spans.
pub(super) struct Addresses {
    pub(super) http: u16,
    pub(super) grpc: u16,
    pub(super) health: u16,
    pub(super) metrics: u16,
    /// Jaeger's port for OTLP over gRPC.
    pub(super) jaeger: u16,
}

impl Addresses {
    /// What they change in the configuration.
    pub(super) fn overlay(&self) -> Value {
        json!({
            "receivers": {"otlp": {"protocols": {
                "grpc": {"endpoint": local(self.grpc)},
                "http": {"endpoint": local(self.http)},
            }}},
            "exporters": {"otlp_grpc/jaeger": {"endpoint": local(self.jaeger)}},
            "extensions": {"health_check": {"endpoint": local(self.health)}},
            "service": {"telemetry": {"metrics": metrics(self.metrics)}},
        })
    }
}

/// The collector's own metrics, which Jaeger's has too: both want port 8888.
pub(super) fn metrics(port: u16) -> Value {
    json!({"readers": [{"pull": {"exporter": {"prometheus": {
        "host": "127.0.0.1",
        "port": port,
    }}}}]})
}

pub(super) fn local(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn read(path: &str) -> String {
        fs::read_to_string(root().join(path)).unwrap()
    }

    /// What is verified is what runs in containers.
    #[test]
    fn the_image_has_the_version_that_is_built() {
        let image = format!("otel/opentelemetry-collector-contrib:{}\n", OTELCOL.version);
        assert!(read("deploy/observability/compose.yml").contains(&image));
        let builder = read(OTELCOL.sources[0]);
        let versions: Vec<_> = builder
            .lines()
            .filter_map(|line| line.rsplit_once(" v"))
            .map(|(_, version)| version)
            .filter(|version| version.starts_with("0."))
            .collect();
        assert_eq!(versions, [OTELCOL.version; 6]);
    }

    #[test]
    fn the_configuration_has_what_the_addresses_change() {
        let config = read(CONFIG);
        let jaeger = read(super::super::jaeger::CONFIG);
        assert!(config.contains("  otlp_grpc/jaeger:\n    endpoint: jaeger:4317\n"));
        assert!(jaeger.contains("      grpc:\n        endpoint: 0.0.0.0:4317\n"));
    }
}
