//! `cargo xtask build`: the functions as they go to AWS.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context as _, Result, bail, ensure};
use clap::{Args, ValueEnum};

use crate::{
    builds,
    progress::say,
    tools,
    workspace::{root, target},
};

/// The largest zip, in bytes: what is larger starts too slowly.
const LARGEST: u64 = 4_000_000;

#[derive(Args)]
pub(crate) struct Options {
    /// The processor, as the template's Architecture says
    #[arg(long, value_enum, default_value_t = Architecture::Arm64)]
    arch: Architecture,
}

#[derive(Clone, Copy, ValueEnum)]
enum Architecture {
    /// Graviton: a fifth cheaper per second
    Arm64,
    /// Intel and AMD, and most machines that run a local AWS
    #[value(name = "x86_64")]
    X86_64,
}

impl Architecture {
    /// Without the C library's version: Amazon Linux 2023 has a newer one than any that
    /// cargo-lambda links against.
    fn target(self) -> &'static str {
        match self {
            Self::Arm64 => "aarch64-unknown-linux-gnu",
            Self::X86_64 => "x86_64-unknown-linux-gnu",
        }
    }
}

impl Options {
    /// For the machine that this is.
    pub(crate) fn host() -> Self {
        let arm = cfg!(target_arch = "aarch64");
        Self {
            arch: if arm {
                Architecture::Arm64
            } else {
                Architecture::X86_64
            },
        }
    }

    /// Where cargo leaves the programs that are in the zips.
    pub(crate) fn programs(&self) -> PathBuf {
        target().join(self.arch.target()).join("lambda")
    }

    /// Builds functions, still to be named, into zips under `folder`.
    pub(crate) fn command(&self, folder: &Path) -> Command {
        let mut command = tools::cargo_lambda();
        command
            .args(["build", "--locked", "--profile", "lambda"])
            .args(["--output-format", "zip", "--target", self.arch.target()])
            .arg("--lambda-dir")
            .arg(folder)
            // Not `--target-dir`: cargo-lambda 1.9.2 hands that to `cargo metadata`, which
            // does not know it.
            .env("CARGO_TARGET_DIR", target())
            .current_dir(root());
        command
    }
}

/// Where the zips are, one folder a function: where the template looks for them.
pub(crate) fn folder() -> PathBuf {
    root().join("target/lambda")
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let started = Instant::now();
    tools::install()?;
    let functions = functions()?;
    let log = tools::logs()?.join("build-lambda.log");
    let mut command = options.command(&folder());
    // Named, so that they get no features that only the gateway or the tests ask for.
    for package in packages()? {
        command.args(["--package", &package]);
    }
    for function in &functions {
        command.args(["--bin", function]);
    }
    builds::run(&mut command, "Functions, optimised for size", &log).with_context(|| {
        format!(
            "no zips (where rustc has no such target: `rustup target add {}`)",
            options.arch.target()
        )
    })?;
    let zips = functions
        .iter()
        .map(|name| {
            let path = folder().join(name).join("bootstrap.zip");
            let size = fs::metadata(&path).with_context(|| format!("no {}", path.display()))?;
            Ok((name.as_str(), size.len()))
        })
        .collect::<Result<Vec<_>>>()?;
    say(table(&zips));
    say(format!(
        "{} zips in {}, after {} s",
        zips.len(),
        Path::new("target/lambda").display(),
        started.elapsed().as_secs()
    ));
    check(&zips)
}

/// The functions whose code the template names.
fn functions() -> Result<Vec<String>> {
    let template = fs::read_to_string(root().join("template.yaml")).context("template.yaml")?;
    let functions = named(&template);
    ensure!(
        !functions.is_empty(),
        "template.yaml names no function's code"
    );
    Ok(functions)
}

/// The packages that the functions are in.
fn packages() -> Result<Vec<String>> {
    let mut packages = Vec::new();
    for folder in fs::read_dir(root().join("functions"))? {
        let folder = folder?;
        if folder.path().join("Cargo.toml").exists() {
            packages.push(format!(
                "trichrome-{}",
                folder.file_name().to_string_lossy()
            ));
        }
    }
    packages.sort();
    Ok(packages)
}

fn named(template: &str) -> Vec<String> {
    template
        .lines()
        .filter_map(|line| line.trim().strip_prefix("CodeUri: target/lambda/"))
        .filter_map(|path| path.strip_suffix("/bootstrap.zip"))
        .map(str::to_owned)
        .collect()
}

fn table(zips: &[(&str, u64)]) -> String {
    let rows = zips
        .iter()
        .map(|(name, size)| format!("  {name:<26}{:>8.2} MB", megabytes(*size)));
    rows.collect::<Vec<_>>().join("\n")
}

fn check(zips: &[(&str, u64)]) -> Result<()> {
    let large: Vec<_> = zips
        .iter()
        .filter(|(_, size)| *size > LARGEST)
        .map(|(name, _)| *name)
        .collect();
    if !large.is_empty() {
        bail!(
            "larger than {:.0} MB: {}; see what they link (`cargo bloat`)",
            megabytes(LARGEST),
            large.join(", ")
        );
    }
    Ok(())
}

#[allow(clippy::cast_precision_loss, reason = "to be read by people")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zip_that_is_too_large_is_named() {
        let zips = [("users-get", 2_871_000), ("pictures-get", 4_000_001)];
        let error = check(&zips).unwrap_err().to_string();
        assert!(
            error.contains("pictures-get") && !error.contains("users-get"),
            "{error}"
        );
        assert!(check(&zips[..1]).is_ok());
        assert_eq!(table(&zips[..1]), "  users-get                     2.87 MB");
    }

    #[test]
    fn the_template_names_every_function() {
        let functions = functions().unwrap();
        assert!(functions.contains(&"analytics-migrate".to_owned()));
        assert!(functions.contains(&"pictures-sweep".to_owned()));
    }
}
