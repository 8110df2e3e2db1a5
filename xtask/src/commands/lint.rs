//! `cargo xtask lint`.

use std::process::Command;

use anyhow::{Result, ensure};
use clap::Args;

use crate::{
    builds::EVERYTHING,
    lints, observe, process,
    tools::{
        self, CHECKOV, SAM,
        node::{POSTMAN, WEB},
    },
    workspace::{cargo, root},
};

type Check = fn() -> Result<()>;

/// Every check, in the order in which they run: the quick ones first.
const CHECKS: [(&str, Check); 8] = [
    ("format", format),
    ("contract", contract),
    ("web", web),
    ("observability", observability),
    ("template", template),
    ("containers", containers),
    ("dependencies", dependencies),
    ("clippy", clippy),
];

#[derive(Args)]
pub(crate) struct Options {
    /// Only these: format, contract, web, observability, template, containers, dependencies,
    /// clippy
    checks: Vec<String>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    for name in &options.checks {
        ensure!(
            CHECKS.iter().any(|(known, _)| known == name),
            "there is no check {name}: see `cargo xtask lint --help`"
        );
    }
    tools::install()?;
    WEB.install()?;
    for (name, check) in CHECKS {
        if options.checks.is_empty() || options.checks.iter().any(|chosen| chosen == name) {
            check()?;
        }
    }
    Ok(())
}

/// Format.
pub(crate) fn format() -> Result<()> {
    process::run(
        cargo()
            .args(["fmt", "--all", "--check"])
            .current_dir(root()),
    )?;
    done("format")
}

/// The contract, and what is generated from it.
pub(crate) fn contract() -> Result<()> {
    let proto = root().join("proto");
    logged(
        Command::new(tools::node_program("buf"))
            .arg("lint")
            .current_dir(&proto),
        "buf lint",
        "buf",
    )?;
    logged(
        Command::new(tools::node_program("redocly"))
            .args(["lint", "openapi.json"])
            .env("REDOCLY_TELEMETRY", "off")
            .env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true")
            .current_dir(proto),
        "openapi.json",
        "redocly",
    )
}

/// The web app's format, lints and types, and whether its generated types and the Postman
/// collection are up to date. Its packages have to be installed.
pub(crate) fn web() -> Result<()> {
    for (script, step) in [
        ("format:check", "web: Prettier"),
        ("lint", "web: ESLint"),
        ("typecheck", "web: TypeScript"),
        ("generate:check", "web: types of the API"),
    ] {
        let log = format!("web-{}", script.replace(':', "-"));
        logged(&mut WEB.script(script), step, &log)?;
    }
    logged(
        &mut POSTMAN.script("check"),
        "Postman collection",
        "postman-check",
    )
}

/// Holds the built web app against its budget of bytes.
pub(crate) fn web_size() -> Result<()> {
    logged(
        &mut WEB.script("size"),
        "web: size of the first load",
        "web-size",
    )
}

/// Rules, dashboards and what runs beside them.
pub(crate) fn observability() -> Result<()> {
    observe::lint::run()
}

/// The template: CloudFormation's schemas, SAM's, and rules of security. The checks are
/// installed where they are missing.
pub(crate) fn template() -> Result<()> {
    SAM.install()?;
    CHECKOV.install()?;
    let file = root().join("template.yaml");
    // Regions differ in what they have; the template names none.
    let region = ("AWS_DEFAULT_REGION", "us-east-1");
    let mut cfn_lint = SAM.program("cfn-lint");
    let mut sam = SAM.program("sam");
    sam.args(["validate", "--lint", "--template"])
        .env("SAM_CLI_TELEMETRY", "0");
    let mut checkov = CHECKOV.program("checkov");
    checkov
        .args(["--framework", "cloudformation", "--quiet", "--compact"])
        .arg("--config-file")
        .arg(root().join(".checkov.yaml"))
        .arg("--file");
    for (command, step) in [
        (&mut cfn_lint, "cfn-lint"),
        (&mut sam, "sam validate"),
        (&mut checkov, "checkov"),
    ] {
        command
            .arg(&file)
            .env(region.0, region.1)
            .current_dir(root());
        logged(command, step, &step.replace(' ', "-"))?;
    }
    Ok(())
}

/// Dockerfiles, compose files and workflows.
pub(crate) fn containers() -> Result<()> {
    lints::containers::run()
}

/// Licences, sources and known vulnerabilities of the dependencies.
pub(crate) fn dependencies() -> Result<()> {
    lints::dependencies::run()
}

/// Rust's lints, tests included.
pub(crate) fn clippy() -> Result<()> {
    logged(
        cargo()
            .arg("clippy")
            .args(EVERYTHING)
            // No build that is run here has it.
            .args(["--features", "trichrome-gateway/heap-profiles"])
            .args(["--", "-D", "warnings"])
            .current_dir(root()),
        "clippy",
        "clippy",
    )
}

fn logged(command: &mut Command, step: &str, log: &str) -> Result<()> {
    let log = tools::logs()?.join(format!("{log}.log"));
    process::run_logged(command, step, &log)
}

fn done(step: &str) -> Result<()> {
    crate::progress::Step::begin(step).end(true);
    Ok(())
}
