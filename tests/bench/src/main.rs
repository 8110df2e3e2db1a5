//! Measures a running stack and the functions' programs against the performance and cost
//! budgets. `cargo xtask bench` builds what this needs and starts it.
//!
//! Things that are compared are measured alternately in one run, so that other load on the
//! machine affects both. A figure is the median of its rounds, with minimum and maximum.
#![allow(
    clippy::print_stdout,
    reason = "a command-line program prints its results"
)]

mod analytics;
mod cache;
mod call;
mod events;
mod functions;
mod gateway;
mod memory;
mod process;
mod settings;
mod start;
mod stats;
mod table;
mod tracing;
mod turns;
mod upload;
mod uploads;

use std::process::ExitCode;

use settings::Settings;
use table::Table;

#[tokio::main]
async fn main() -> ExitCode {
    match measure().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Missed budgets are reported but don't fail the run.
async fn measure() -> anyhow::Result<()> {
    let settings = Settings::read()?;
    let mut table = Table::default();
    if settings.wants("start") {
        start::measure(&settings, &mut table).await?;
    }
    if settings.wants("gateway") {
        gateway::measure(&settings, &mut table).await?;
    }
    if settings.wants("events") {
        events::measure(&settings, &mut table).await?;
    }
    if settings.wants("analytics") {
        analytics::measure(&settings, &mut table).await?;
    }
    if settings.wants("memory") {
        memory::measure(&settings, &mut table).await?;
    }
    if settings.wants("uploads") {
        uploads::measure(&settings, &mut table).await?;
    }
    if settings.wants("functions") {
        functions::measure(&settings, &mut table).await?;
    }
    if settings.wants("cache") {
        cache::measure(&settings, &mut table).await?;
    }
    if let Some(traced) = &settings.traced {
        tracing::measure(&settings, traced, &mut table).await?;
    }
    table.print();
    Ok(())
}
