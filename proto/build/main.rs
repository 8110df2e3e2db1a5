//! Compiles the `.proto` files into message types, the operation table and descriptors.
//!
//! Uses protox, a protobuf compiler in Rust, so that `protoc` isn't needed.

#![allow(clippy::print_stdout, reason = "instructions for cargo")]

mod contract;
mod operation;
mod options;
mod report;
mod rules;
mod table;
mod types;

use std::{env, fs, path::PathBuf, process::ExitCode};

use anyhow::{Context as _, Result};
use prost_reflect::DescriptorPool;

/// The packages of the contract, in the order of the documentation.
const PACKAGES: [&str; 4] = ["auth", "users", "pictures", "analytics"];

fn main() -> Result<ExitCode> {
    let files: Vec<String> = PACKAGES
        .iter()
        .map(|package| format!("{package}/{package}.proto"))
        .collect();
    for watched in PACKAGES
        .iter()
        .chain(&["buf", "build", "google", "trichrome"])
    {
        println!("cargo::rerun-if-changed={watched}");
    }
    let out = PathBuf::from(env::var("OUT_DIR").context("cargo sets OUT_DIR")?);

    let mut compiler = protox::Compiler::new(["."])?;
    compiler
        .include_imports(true)
        .include_source_info(true)
        .open_files(&files)?;
    let pool = DescriptorPool::decode(compiler.encode_file_descriptor_set().as_slice())?;

    let contract = match contract::read(&pool, &PACKAGES) {
        Ok(contract) => contract,
        Err(problems) => {
            for problem in problems.iter() {
                println!("cargo::error={problem}");
            }
            return Ok(ExitCode::FAILURE);
        }
    };
    types::generate(&contract, compiler.file_descriptor_set(), &out)?;
    fs::write(out.join("table.rs"), table::generate(&contract)?)?;

    // Reflection clients don't need the comments.
    let mut bare = protox::Compiler::new(["."])?;
    bare.include_imports(true).open_files(&files)?;
    fs::write(
        out.join("descriptors.bin"),
        bare.encode_file_descriptor_set(),
    )?;
    Ok(ExitCode::SUCCESS)
}
