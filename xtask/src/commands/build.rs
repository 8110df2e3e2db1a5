//! `cargo xtask build`: the functions' zips for AWS.

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

/// Maximum size of a zip in bytes; larger ones start too slowly.
const MAX_ZIP: u64 = 4_000_000;

#[derive(Args)]
pub(crate) struct Options {
    /// The architecture; the template's parameter Architecture must match
    #[arg(long, value_enum, default_value_t = Architecture::Arm64)]
    arch: Architecture,
    /// With secrets from Vault or OpenBao (docs/secrets.md), which makes the zips larger
    #[arg(long)]
    vault: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Architecture {
    /// Graviton, a fifth cheaper per second
    Arm64,
    /// Intel and AMD, as in most machines that run a local AWS
    #[value(name = "x86_64")]
    X86_64,
}

impl Architecture {
    /// The target without a glibc version, since that of Amazon Linux 2023 is newer than any that
    /// cargo-lambda links against.
    fn target(self) -> &'static str {
        match self {
            Self::Arm64 => "aarch64-unknown-linux-gnu",
            Self::X86_64 => "x86_64-unknown-linux-gnu",
        }
    }
}

impl Options {
    /// Options for this machine's architecture.
    pub(crate) fn host() -> Self {
        let arm = cfg!(target_arch = "aarch64");
        Self {
            arch: if arm {
                Architecture::Arm64
            } else {
                Architecture::X86_64
            },
            vault: false,
        }
    }

    /// The folder with the programs of the zips.
    pub(crate) fn programs(&self) -> PathBuf {
        target().join(self.arch.target()).join("lambda")
    }

    /// A command that builds zips under `folder`, to which functions have to be added.
    pub(crate) fn command(&self, folder: &Path) -> Command {
        let mut command = tools::cargo_lambda();
        command
            .args(["build", "--locked", "--profile", "lambda"])
            .args(["--output-format", "zip", "--target", self.arch.target()])
            .arg("--lambda-dir")
            .arg(folder)
            // cargo-lambda 1.9.2 passes `--target-dir` to `cargo metadata`, which refuses it.
            .env("CARGO_TARGET_DIR", target())
            .current_dir(root());
        if self.vault {
            command.args(["--features", "trichrome-runtime/vault"]);
        }
        command
    }
}

/// The folder that the template expects the zips in, one folder per function.
pub(crate) fn folder() -> PathBuf {
    root().join("target/lambda")
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let started = Instant::now();
    tools::install()?;
    let functions = functions()?;
    let log = tools::logs()?.join("build-lambda.log");
    let mut command = options.command(&folder());
    // Named, so that features of the gateway and the tests aren't enabled.
    for package in packages()? {
        command.args(["--package", &package]);
    }
    for function in &functions {
        command.args(["--bin", function]);
    }
    builds::run(&mut command, "Functions, optimised for size", &log).with_context(|| {
        format!(
            "no zips (if rustc lacks the target, run `rustup target add {}`)",
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

/// The functions of the template.
fn functions() -> Result<Vec<String>> {
    let template = fs::read_to_string(root().join("template.yaml")).context("template.yaml")?;
    let functions = named(&template);
    ensure!(
        !functions.is_empty(),
        "template.yaml has no function with code"
    );
    Ok(functions)
}

/// The packages with functions.
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
        .filter(|(_, size)| *size > MAX_ZIP)
        .map(|(name, _)| *name)
        .collect();
    if !large.is_empty() {
        bail!(
            "larger than {:.0} MB: {}; inspect them with `cargo bloat`",
            megabytes(MAX_ZIP),
            large.join(", ")
        );
    }
    Ok(())
}

#[allow(clippy::cast_precision_loss, reason = "only for display")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zips_that_are_too_large_are_reported() {
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
