//! Prints what the derivatives of files cost: one process for each file, so that memory is its own.
//!
//! `cargo run --release -p trichrome-derivatives --example measure -- <file>…`

use std::{
    env, fs,
    process::{Command, ExitCode},
};

use anyhow::{Context as _, Result};
use trichrome_derivatives::derive;

/// The variable that makes a process measure its only file.
const ONE: &str = "MEASURE_ONE";

#[expect(clippy::print_stdout, reason = "its purpose")]
fn main() -> Result<ExitCode> {
    let files: Vec<_> = env::args_os().skip(1).collect();
    if env::var_os(ONE).is_none() {
        println!("| file | bytes | displayed | CPU s | peak MB | thumbnail | preview |");
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
    let before = cpu()?;
    let derived = derive(&bytes)?;
    let took = cpu()? - before;
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

/// The processor's time that this process had, in seconds, in steps of a hundredth.
fn cpu() -> Result<f64> {
    let status = fs::read_to_string("/proc/self/stat")?;
    // After the program's name in brackets, user and system time are the 12th and 13th number.
    let numbers = status.rsplit(')').next().unwrap_or_default();
    let mut ticks = 0;
    for number in numbers.split_whitespace().skip(11).take(2) {
        ticks += number.parse::<u32>()?;
    }
    Ok(f64::from(ticks) / 100.0)
}

/// The most memory that this process had, in KiB.
fn peak() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.context("no VmHWM")?.parse()?)
}
