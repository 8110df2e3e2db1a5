//! The collector and Jaeger, with the project's configurations, beside a stack: one call over
//! each transport, whose trace Jaeger must have from the caller to the stores.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::{
    Checks, Part, checks,
    collector::{self, Addresses, OTELCOL, local, metrics},
    go_program::{GoProgram, Workshop},
    server::Server,
};
use crate::{
    builds,
    commands::end_to_end::{END_TO_END, ON_A_STACK, supervise},
    observe::Observe,
    port,
    stack::{Ports, Stack, Supervisor},
    test_run::TestRun,
    tools,
    workspace::root,
};

pub(super) static PART: Part = Part {
    name: "jaeger",
    about: "a call over each transport leaves a whole trace in Jaeger, through the collector",
    needs: &[&OTELCOL, &JAEGER],
    run,
};

/// The last version that is a Go module. Its `cmd/jaeger` is Jaeger 2.
static JAEGER: GoProgram = GoProgram {
    name: "jaeger",
    version: "1.76.0",
    gigabytes: 8,
    sources: &[],
    build,
};

pub(super) const CONFIG: &str = "deploy/observability/jaeger/config.yaml";

/// The scenario that is run over each transport. Its expectations are those of
/// `cargo xtask test`; only the spans come from Jaeger.
const SCENARIO: &str = "traces::an_upload_is_one_trace";

/// The stack's name.
const STACK: &str = "verify";

fn build(workshop: &Workshop) -> Result<PathBuf> {
    workshop.install("github.com/jaegertracing/jaeger/cmd/jaeger", JAEGER.version)
}

fn run(checks: &mut Checks) -> Result<()> {
    let (otelcol, jaeger) = (OTELCOL.get()?, JAEGER.get()?);
    validate(checks, &jaeger)?;
    let Some(lock) = Stack::lock(STACK)? else {
        bail!("`cargo xtask verify` is already running in this clone");
    };
    tools::install()?;
    let [scenarios, _] = ON_A_STACK;
    let tests = builds::with_test(&[scenarios])?;
    let scenarios = builds::find(&tests, END_TO_END, scenarios)?;
    Stack::wipe(STACK, &lock)?;
    let stack = Stack::new(STACK, Ports::free()?, lock)?;
    let backend = Backend::start(&otelcol, &jaeger, &stack.state)?;
    let stack = stack.with_observe(Some(backend.observe));
    let mut supervisor = Supervisor::start(stack)?;
    let description = supervisor.stack().state.join("stack.json");
    let run = TestRun::begin(scenarios, Some(SCENARIO), &description, &checks::logs()?)?;
    checks.add(supervise(&mut supervisor, run)?);
    drop(supervisor);
    read_logs(checks, &backend)
}

fn validate(checks: &mut Checks, jaeger: &Path) -> Result<()> {
    let validate = || {
        let mut command = Command::new(jaeger);
        command
            .args(["validate", "--config"])
            .arg(root().join(CONFIG));
        command
    };
    checks.accepts("jaeger validate", &mut validate())?;
    checks.refuses(
        "jaeger validate: a misspelt setting",
        validate().arg("--set=processors.batch.time_out=1s"),
        "time_out",
    )
}

/// Looks for what the programs logged, from warnings on: a deprecated name, a refused span.
fn read_logs(checks: &mut Checks, backend: &Backend) -> Result<()> {
    let log = fs::read_to_string(&backend.collector.log)?;
    checks.holds("otelcol: no warnings", log.is_empty(), &log);
    // It always warns that it was built without its pages.
    let log = fs::read_to_string(&backend.jaeger.log)?;
    checks.holds(
        "jaeger: nothing deprecated",
        !log.contains("deprecated"),
        &log,
    );
    Ok(())
}

/// What receives and keeps a stack's spans. The collector is dropped first.
struct Backend {
    collector: Server,
    jaeger: Server,
    observe: Observe,
}

impl Backend {
    fn start(otelcol: &Path, jaeger: &Path, state: &Path) -> Result<Self> {
        let addresses = Addresses {
            http: port::free()?,
            grpc: port::free()?,
            health: port::free()?,
            metrics: port::free()?,
            jaeger: port::free()?,
        };
        let (query, health) = (port::free()?, port::free()?);
        let overlay = json!({
            "receivers": {"otlp": {"protocols": {
                "grpc": {"endpoint": local(addresses.jaeger)},
            }}},
            "extensions": {
                "jaeger_storage": {"backends": {"traces": {"badger": {"directories": {
                    "keys": state.join("jaeger/keys"),
                    "values": state.join("jaeger/values"),
                }}}}},
                "jaeger_query": {
                    "ui": {"config_file": root().join("deploy/observability/jaeger/ui.json")},
                    "http": {"endpoint": local(query)},
                    "grpc": {"endpoint": local(port::free()?)},
                },
                "healthcheckv2": {"http": {"endpoint": local(health)}},
            },
            "service": {"telemetry": {"metrics": metrics(port::free()?)}},
        });
        Ok(Self {
            jaeger: start(
                "jaeger",
                jaeger,
                [&root().join(CONFIG), &write(state, "jaeger", &overlay)?],
                &format!("http://{}/status", local(health)),
            )?,
            collector: start(
                "otelcol",
                otelcol,
                [
                    &root().join(collector::CONFIG),
                    &write(state, "otelcol", &addresses.overlay())?,
                ],
                &format!("http://{}/", local(addresses.health)),
            )?,
            observe: Observe::kept(addresses.http, query),
        })
    }
}

/// Writes an overlay of a configuration: JSON, which is YAML too.
fn write(state: &Path, name: &str, overlay: &Value) -> Result<PathBuf> {
    let file = state.join(format!("{name}-overlay.json"));
    fs::write(&file, serde_json::to_string_pretty(overlay)?)
        .with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}

/// Starts a program with two configurations, the second laid over the first.
fn start(name: &'static str, program: &Path, configs: [&Path; 2], health: &str) -> Result<Server> {
    let mut command = Command::new(program);
    // Jaeger would trace the requests that it answers.
    command.env("OTEL_TRACES_SAMPLER", "always_off");
    for config in configs {
        command.arg("--config").arg(config);
    }
    Server::start(name, &mut command, health)
}
