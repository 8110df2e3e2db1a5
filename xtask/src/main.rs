//! The project's development commands: `cargo xtask <command>`.
#![allow(
    clippy::print_stdout,
    reason = "a command-line program prints its results"
)]

mod builds;
mod chart;
mod commands;
mod cost;
mod deploy;
mod docker_image;
mod http;
mod interrupt;
mod job;
mod lints;
mod observe;
mod port;
mod process;
mod progress;
mod random;
mod stack;
mod test_run;
mod tools;
mod verify;
mod web_tests;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Trichrome's development commands.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install what is missing, build, and run the whole system until Ctrl-C.
    Up(commands::up::Options),
    /// Build the functions' zips for AWS and print their sizes.
    Build(commands::build::Options),
    /// Stop a running `up`.
    Down(commands::down::Options),
    /// Start one part or function of a running `up` again, with its latest code.
    Restart(commands::restart::Options),
    /// Run lints and the unit, contract and end-to-end tests, on a separate stack.
    Test(commands::test::Options),
    /// Build the gateway's image and run the end-to-end tests through it (needs Docker).
    TestImage(commands::test_image::Options),
    /// Deploy the template to LocalStack and check the result (needs Python 3.13).
    TestLocalstack,
    /// Check the project with big programs, built on the first run: see `--list`.
    Verify(commands::verify::Options),
    /// Sign up, upload and read back a picture over each transport, against a running `up`.
    Demo(commands::demo::Options),
    /// Print the log of one part, or of all parts.
    Logs(commands::logs::Options),
    /// List the newest traces of `up --observe`, or show one.
    Trace(commands::trace::Options),
    /// Make thumbnails and previews of the pictures of a running `up` that have none.
    Backfill(commands::backfill::Options),
    /// Measure the performance and cost budgets, on a separate stack.
    Bench(commands::bench::Options),
    /// Check formatting, lints, the contract and the dependencies.
    Lint(commands::lint::Options),
    /// Compute the cost tables of docs/deploying.md and docs/cache.md from docs/prices.json and
    /// docs/figures.json.
    Cost,
    /// Write the files that are generated from the contract.
    Generate,
}

fn main() -> ExitCode {
    let command = Cli::parse().command;
    let outcome = interrupt::install().and_then(|()| run(command));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Up(options) => commands::up::run(&options),
        Command::Build(options) => commands::build::run(&options),
        Command::Down(options) => commands::down::run(&options),
        Command::Restart(options) => commands::restart::run(&options),
        Command::Test(options) => commands::test::run(&options),
        Command::TestImage(options) => commands::test_image::run(&options),
        Command::TestLocalstack => commands::test_localstack::run(),
        Command::Verify(options) => commands::verify::run(&options),
        Command::Demo(options) => commands::demo::run(&options),
        Command::Logs(options) => commands::logs::run(&options),
        Command::Trace(options) => commands::trace::run(&options),
        Command::Backfill(options) => commands::backfill::run(&options),
        Command::Bench(options) => commands::bench::run(&options),
        Command::Lint(options) => commands::lint::run(&options),
        Command::Cost => cost::write(),
        Command::Generate => commands::generate::run(),
    }
}
