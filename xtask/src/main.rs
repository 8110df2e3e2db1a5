//! The project's own commands: `cargo xtask <command>`.
#![allow(
    clippy::print_stdout,
    reason = "a command-line program: its output is what it is for"
)]

mod builds;
mod commands;
mod http;
mod interrupt;
mod process;
mod progress;
mod stack;
mod test_run;
mod tools;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Trichrome's own commands.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Set up what is missing, build, and run the whole system until Ctrl-C.
    Up(commands::up::Options),
    /// Stop a running `up`.
    Down,
    /// Format, lints, unit, contract and end-to-end tests, on a stack of its own.
    Test(commands::test::Options),
    /// Run the main job once over each transport, against a running `up`.
    Demo(commands::demo::Options),
    /// Print the log of one part, or of all.
    Logs(commands::logs::Options),
    /// Check format, lints and the contract.
    Lint,
    /// Write what is generated from the contract.
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
        Command::Down => commands::down::run(),
        Command::Test(options) => commands::test::run(&options),
        Command::Demo(options) => commands::demo::run(&options),
        Command::Logs(options) => commands::logs::run(&options),
        Command::Lint => commands::lint::run(),
        Command::Generate => commands::generate::run(),
    }
}
