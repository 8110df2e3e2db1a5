//! Prints what the derivatives of files cost: one process for each file, so that memory is its own.
//!
//! `cargo run --release -p trichrome-derivatives --example measure -- <file>…`

use std::{
    env, fs,
    process::{Command, ExitCode},
    time::Instant,
};

use anyhow::{Context as _, Result};
use trichrome_derivatives::derive;

/// The variable that makes a process measure its only file.
const ONE: &str = "MEASURE_ONE";

#[expect(clippy::print_stdout, reason = "its purpose")]
fn main() -> Result<ExitCode> {
    let files: Vec<_> = env::args_os().skip(1).collect();
    if env::var_os(ONE).is_none() {
        println!("| file | bytes | displayed | s | peak MB | thumbnail | preview |");
        println!("|---|---|---|---|---|---|---|");
        for file in files {
            let status = Command::new(env::current_exe()?)
                .arg(file)
                .env(ONE, "1")
                .status()?;
            if !status.success() {
                return Ok(ExitCode::FAILURE);
            }
        }
        return Ok(ExitCode::SUCCESS);
    }
    let file = files.first().context("name a file")?;
    let bytes = fs::read(file)?;
    let started = Instant::now();
    let derived = derive(&bytes)?;
    let took = started.elapsed().as_secs_f64();
    let (thumbnail, preview) = derived.images.map_or((0, 0), |images| {
        (images.thumbnail.len(), images.preview.len())
    });
    println!(
        "| {} | {} | {} x {} | {took:.2} | {} | {thumbnail} | {preview} |",
        file.display(),
        bytes.len(),
        derived.displayed_width,
        derived.displayed_height,
        peak()? / 1024,
    );
    Ok(ExitCode::SUCCESS)
}

/// The most memory that this process had, in KiB.
fn peak() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.context("no VmHWM")?.parse()?)
}
