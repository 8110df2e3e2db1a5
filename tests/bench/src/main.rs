//! Measures a running stack, and the functions' programs, against the project's budgets of
//! speed and cost. `cargo xtask bench` builds what this needs and starts it.
//!
//! Whatever is compared is measured in turns, in one run, so that a busy moment of the machine
//! meets both sides. A figure is the median of its rounds, with the least and the greatest.
#![allow(
    clippy::print_stdout,
    reason = "a command-line program: its output is what it is for"
)]

mod analytics;
mod call;
mod events;
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

/// A missed budget is told, not punished: figures of one machine fail nobody's build.
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
    if let Some(traced) = &settings.traced {
        tracing::measure(&settings, traced, &mut table).await?;
    }
    table.print();
    Ok(())
}
