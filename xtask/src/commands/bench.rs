//! `cargo xtask bench`: measures the performance and cost budgets. Not part of
//! `cargo xtask test`, since it builds for minutes and its figures depend on the machine.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::build;
use crate::{
    builds, interrupt,
    observe::Observe,
    process,
    stack::{self, Cache, Ports, Stack, Supervisor, functions},
    tools,
    workspace::{cargo, local, root, target},
};

/// The empty function.
const EMPTY: &str = "bench-empty";

#[derive(Args)]
pub(crate) struct Options {
    /// Only this part
    #[arg(value_enum)]
    part: Option<Part>,
    /// Rounds per measurement; reported are median, minimum and maximum
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Use the programs of an earlier build
    #[arg(long)]
    built: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Part {
    /// Start time, memory and size of the functions
    Start,
    /// The gateway's overhead per call
    Gateway,
    /// A command over Kafka
    Events,
    /// Throughput of call logs from Kafka into Postgres
    Analytics,
    /// Memory use of an upload
    Memory,
    /// How fast pictures are uploaded
    Uploads,
    /// Durations of the functions in the cost tables
    Functions,
    /// What the optional cache saves: hits against misses
    Cache,
    /// The overhead of tracing
    Tracing,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let Some(lock) = Stack::lock("bench")? else {
        bail!("another process of this clone is measuring");
    };
    let folder = local().join("bench-programs");
    if !options.built {
        stack::set_up(builds::programs)?;
        optimised(&folder)?;
    }
    let names = functions::names()?;
    let host = build::Options::host().programs();
    let mut programs: BTreeMap<String, PathBuf> = names
        .iter()
        .map(|name| (name.clone(), host.join(name)))
        .collect();
    let gateway = release("gateway");
    programs.insert("gateway".to_owned(), gateway.clone());
    programs.insert("local-api".to_owned(), release("local-api"));
    for program in programs.values() {
        ensure!(program.exists(), "{} isn't built", program.display());
    }
    let measured = |name: &str, zips: &Path| {
        json!({
            "program": host.join(name),
            "zip": zips.join(name).join("bootstrap.zip"),
        })
    };
    let functions: BTreeMap<_, _> = names
        .iter()
        .map(|name| (name, measured(name, &build::folder())))
        .collect();
    let empty = measured(EMPTY, &folder);

    Stack::wipe("bench", &lock)?;
    let mut stack = Stack::new("bench", Ports::free()?, lock)?.with_programs(programs.clone());
    // Only for its own measurement: the others are of what is on by default.
    if matches!(options.part, Some(Part::Cache)) {
        stack = stack.with_cache(Some(Cache::free()?));
    }
    let mut supervisor = Supervisor::start(stack)?;
    let state = supervisor.stack().state.clone();
    let name = |part: Part| {
        part.to_possible_value()
            .map(|part| part.get_name().to_owned())
    };
    let mut plan = json!({
        "stack": state.join("stack.json"),
        "gateway": gateway,
        "empty": empty,
        "functions": functions,
        "rounds": options.rounds,
        "only": options.part.and_then(name),
    });
    if !matches!(options.part, Some(Part::Tracing)) {
        measure(&mut supervisor, &state.join("plan.json"), &plan)?;
    }
    if matches!(options.part, None | Some(Part::Tracing)) {
        // Started last, so that the other measurements have the machine to themselves.
        let traced = traced(programs)?;
        plan["only"] = json!(name(Part::Tracing));
        plan["traced"] = json!({
            "stack": traced.stack().state.join("stack.json"),
            "otlp": traced.stack().observe().map(|observe| observe.otlp),
        });
        measure(&mut supervisor, &state.join("plan.json"), &plan)?;
    }
    Ok(())
}

/// A second stack, which exports its spans to the measuring program.
fn traced(programs: BTreeMap<String, PathBuf>) -> Result<Supervisor> {
    const NAME: &str = "bench-traced";
    let lock = Stack::lock(NAME)?.context("the second stack is already running")?;
    Stack::wipe(NAME, &lock)?;
    let stack = Stack::new(NAME, Ports::free()?, lock)?
        .with_programs(programs)
        .with_observe(Some(Observe::spans()?));
    Supervisor::start(stack)
}

fn release(name: &str) -> PathBuf {
    target().join("release").join(name)
}

/// Builds the optimised programs and the measuring program.
fn optimised(folder: &Path) -> Result<()> {
    build::run(&build::Options::host())?;
    let mut empty = build::Options::host().command(folder);
    empty.args(["--package", "trichrome-bench", "--bin", EMPTY]);
    logged(empty.args(["--features", "empty"]), "An empty function")?;
    let mut servers = cargo();
    servers.args(["build", "--locked", "--release"]);
    servers.args(["--package", "trichrome-gateway", "--bin", "gateway"]);
    servers.args(["--package", "trichrome-local-api", "--bin", "local-api"]);
    logged(servers.current_dir(root()), "The servers, optimised")?;
    let mut bench = cargo();
    bench.args(["build", "--locked", "--release", "--bin", "bench"]);
    bench.args(["--package", "trichrome-bench", "--features", "run"]);
    logged(bench.current_dir(root()), "The measuring program")
}

fn logged(command: &mut Command, step: &str) -> Result<()> {
    let log = tools::logs()?.join("bench-build.log");
    builds::run(command, step, &log)
}

/// Runs the measurements while supervising the stack.
fn measure(supervisor: &mut Supervisor, path: &Path, plan: &Value) -> Result<()> {
    fs::write(path, serde_json::to_vec_pretty(plan)?)?;
    let mut command = Command::new(release("bench"));
    // The functions that it starts need the environment of the stack's functions.
    command.arg(path).envs(supervisor.stack().environment()?);
    let mut child = process::spawn(&mut command)?;
    let mut status = None;
    supervisor.watch(|| {
        status = child.try_wait().ok().flatten();
        status.is_some()
    })?;
    if status.is_none() {
        process::stop(&mut child, rustix::process::Signal::TERM, process::TICK);
    }
    interrupt::check()?;
    let status = status.context("interrupted")?;
    ensure!(status.success(), "the measurement failed: {status}");
    Ok(())
}
