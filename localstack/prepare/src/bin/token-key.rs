//! Creates token keys and the public key sets that verify their tokens:
//!
//! ```text
//! token-key new FILE      writes a new private key, unless the file exists
//! token-key jwks FILE…    prints a JSON Web Key Set with the public keys of all files, each a
//!                         private key or a set
//! ```
//!
//! docs/deploying.md describes how to replace a key with it.

#![allow(
    clippy::print_stdout,
    reason = "a command-line program prints its results"
)]

use std::{env, fs, path::Path, process::ExitCode};

use anyhow::{Context as _, bail, ensure};
use trichrome_prepare::{key::TokenKey, keyring, secret};
use trichrome_startup::{EX_USAGE, error_chain};

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        ["new", file] => new(Path::new(file)),
        ["jwks", files @ ..] if !files.is_empty() => jwks(files),
        _ => {
            eprintln!("usage: token-key new FILE | token-key jwks FILE…");
            return ExitCode::from(EX_USAGE);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("token-key: {}", error_chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

fn new(file: &Path) -> anyhow::Result<()> {
    ensure!(
        !file.exists(),
        "{} exists: name another file",
        file.display()
    );
    secret::write_key(&TokenKey::generate()?, file)
}

fn jwks(files: &[&str]) -> anyhow::Result<()> {
    let texts = files
        .iter()
        .map(|file| fs::read_to_string(file).with_context(|| format!("cannot read {file}")))
        .collect::<Result<Vec<_>, _>>()?;
    match keyring::merge(texts.iter().map(String::as_str)) {
        Ok(set) => println!("{set}"),
        Err(error) => bail!("{}: {error:#}", files.join(", ")),
    }
    Ok(())
}
