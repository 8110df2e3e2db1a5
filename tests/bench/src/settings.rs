//! The plan that `cargo xtask bench` writes: paths, and what to measure.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use serde::Deserialize;

/// A stack's description.
#[derive(Debug, Deserialize)]
pub(crate) struct Stack {
    pub(crate) rest_url: String,
    pub(crate) grpc_url: String,
    pub(crate) kafka_brokers: String,
    pub(crate) lambda_endpoint: String,
    pub(crate) database_url: String,
    /// The nodes of the cache, if it has one.
    pub(crate) cache_nodes: Option<String>,
}

/// A function's program and its zip.
#[derive(Debug, Deserialize)]
pub(crate) struct Program {
    pub(crate) program: PathBuf,
    pub(crate) zip: Option<PathBuf>,
}

/// The plan with the stacks' descriptions.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) stack: Stack,
    pub(crate) traced: Option<Traced>,
    pub(crate) gateway: PathBuf,
    pub(crate) empty: Program,
    pub(crate) functions: BTreeMap<String, Program>,
    /// Rounds per measurement.
    pub(crate) rounds: usize,
    only: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Plan {
    stack: PathBuf,
    traced: Option<TracedPlan>,
    gateway: PathBuf,
    empty: Program,
    functions: BTreeMap<String, Program>,
    rounds: usize,
    only: Option<String>,
}

/// A second stack, which exports its spans.
#[derive(Debug)]
pub(crate) struct Traced {
    pub(crate) stack: Stack,
    /// The port that it exports to (OTLP over HTTP).
    pub(crate) otlp: u16,
}

#[derive(Debug, Deserialize)]
struct TracedPlan {
    stack: PathBuf,
    otlp: u16,
}

impl Settings {
    /// Reads the plan in the file of the first argument.
    pub(crate) fn read() -> Result<Self> {
        let path = env::args_os().nth(1).context("usage: bench <plan.json>")?;
        let plan: Plan = read(Path::new(&path))?;
        let traced = |traced: TracedPlan| {
            anyhow::Ok(Traced {
                stack: read(&traced.stack)?,
                otlp: traced.otlp,
            })
        };
        Ok(Self {
            stack: read(&plan.stack)?,
            traced: plan.traced.map(traced).transpose()?,
            gateway: plan.gateway,
            empty: plan.empty,
            functions: plan.functions,
            rounds: plan.rounds.max(1),
            only: plan.only,
        })
    }

    /// Whether a part of the measurements is requested.
    pub(crate) fn wants(&self, part: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == part)
    }
}

fn read<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<T> {
    let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is malformed", path.display()))
}
