//! `cargo xtask lint`.

use std::{path::Path, process::Command};

use anyhow::{Result, ensure};
use clap::Args;

use crate::{
    builds, interrupt, lints, observe, process,
    progress::say,
    tools::{
        self, CHECKOV, CONTAINERS, SAM,
        node::{POSTMAN, WEB},
    },
    workspace::{cargo, root},
};

/// One check, and what to do when it fails.
struct Check {
    name: &'static str,
    run: fn() -> Result<()>,
    remedy: &'static str,
}

/// Every check, in the order in which they run: the quick ones first.
const CHECKS: [Check; 12] = [
    Check {
        name: "format",
        run: format,
        remedy: "run `cargo fmt --all`",
    },
    Check {
        name: "contract",
        run: contract,
        remedy: "change the .proto file, then run `cargo xtask generate`",
    },
    Check {
        name: "cost",
        run: cost,
        remedy: "run `cargo xtask cost`",
    },
    Check {
        name: "web",
        run: web,
        remedy: "in web/, run `npm run format` and `npm run lint -- --fix`; for the types and the \
                 Postman collection, run `cargo xtask generate`",
    },
    Check {
        name: "observability",
        run: observability,
        remedy: "change deploy/observability as the output says",
    },
    Check {
        name: "template",
        run: template,
        remedy: "change template.yaml or the file of deploy/aws that the output names",
    },
    Check {
        name: "containers",
        run: containers,
        remedy: "change the Dockerfile, compose file or workflow that the output names",
    },
    Check {
        name: "chart",
        run: chart,
        remedy: "change deploy/kubernetes as the output says; for its README, run `cargo xtask generate`",
    },
    Check {
        name: "dependencies",
        run: lints::dependencies::of_this_commit,
        remedy: "choose another crate or version, or say in deny.toml why this one is needed",
    },
    Check {
        name: "advisories",
        run: lints::dependencies::advisories,
        remedy: "update the crate, or say in deny.toml why the advisory doesn't concern its use here",
    },
    Check {
        name: "clippy",
        run: clippy,
        remedy: "run `cargo clippy --workspace --all-targets --fix`, and change what is left by hand",
    },
    Check {
        name: "docs",
        run: docs,
        remedy: "change the doc comments that the output names",
    },
];

/// The checks that `cargo xtask test` runs beside the tests: those whose outcome depends on the commit
/// alone. A new advisory must not fail the tests of an unchanged commit.
pub(crate) const BESIDE_TESTS: [&str; 7] = [
    "clippy",
    "contract",
    "web",
    "observability",
    "template",
    "containers",
    "dependencies",
];

#[derive(Args)]
pub(crate) struct Options {
    /// Only these: format, contract, cost, web, observability, template, containers, chart,
    /// dependencies, advisories, clippy, docs
    checks: Vec<String>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    for name in &options.checks {
        ensure!(
            CHECKS.iter().any(|check| check.name == name),
            "there is no check {name}: see `cargo xtask lint --help`"
        );
    }
    tools::install()?;
    WEB.install()?;
    let chosen = CHECKS.iter().filter(|check| {
        options.checks.is_empty() || options.checks.iter().any(|it| it == check.name)
    });
    run_all(chosen)
}

/// Runs every check, whatever the others found. The error names those that failed, each with its
/// remedy.
fn run_all<'a>(checks: impl Iterator<Item = &'a Check>) -> Result<()> {
    let mut failed = Vec::new();
    for check in checks {
        if let Err(error) = (check.run)() {
            interrupt::check()?;
            say(format!("{error:#}"));
            failed.push(check);
        }
    }
    let remedies: Vec<_> = failed
        .iter()
        .map(|check| format!("  {}: {}", check.name, check.remedy))
        .collect();
    ensure!(
        failed.is_empty(),
        "these checks failed:\n{}",
        remedies.join("\n")
    );
    Ok(())
}

/// Runs the steps of a check, whatever the others found. The error holds what all of them said.
fn all(steps: impl IntoIterator<Item = Result<()>>) -> Result<()> {
    let errors: Vec<_> = steps
        .into_iter()
        .filter_map(Result::err)
        .map(|error| format!("{error:#}"))
        .collect();
    ensure!(errors.is_empty(), "{}", errors.join("\n"));
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
fn contract() -> Result<()> {
    let proto = root().join("proto");
    all([
        logged(
            Command::new(tools::node_program("buf"))
                .arg("lint")
                .current_dir(&proto),
            "buf lint",
            "buf",
        ),
        logged(
            redocly(&["lint", "openapi.json"]).current_dir(&proto),
            "openapi.json",
            "redocly",
        ),
        logged(
            redocly(&["lint", "--extends=minimal", "asyncapi.json"])
                // Brokers need no login by default, and tags need no description here.
                .args(["--skip-rule=security-defined", "--skip-rule=tag-description"])
                .current_dir(&proto),
            "asyncapi.json",
            "redocly-asyncapi",
        ),
        asyncapi_schema(&proto),
    ])
}

/// Checks `asyncapi.json` against the specification's own schema. Redocly has its own reading of
/// the specification, but also resolves references and refuses unknown properties.
fn asyncapi_schema(proto: &Path) -> Result<()> {
    CONTAINERS.install()?;
    logged(
        CONTAINERS
            .program("check-jsonschema")
            .arg("--schemafile")
            .arg(tools::node_module("@asyncapi/specs/schemas/3.0.0.json"))
            .arg("asyncapi.json")
            .current_dir(proto),
        "asyncapi.json: schema",
        "asyncapi-schema",
    )
}

fn redocly(args: &[&str]) -> Command {
    let mut command = Command::new(tools::node_program("redocly"));
    command
        .args(args)
        .env("REDOCLY_TELEMETRY", "off")
        .env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true");
    command
}

/// The cost tables.
fn cost() -> Result<()> {
    crate::cost::check()?;
    done("cost")
}

/// The web app's format, lints and types, and whether its generated types and the Postman
/// collection are up to date. Its packages have to be installed.
fn web() -> Result<()> {
    let scripts = [
        ("format:check", "web: Prettier"),
        ("lint", "web: ESLint"),
        ("typecheck", "web: TypeScript"),
        ("generate:check", "web: types of the API"),
    ];
    let scripts = scripts.map(|(script, step)| {
        let log = format!("web-{}", script.replace(':', "-"));
        logged(&mut WEB.script(script), step, &log)
    });
    let postman = logged(
        &mut POSTMAN.script("check"),
        "Postman collection",
        "postman-check",
    );
    all(scripts.into_iter().chain([postman]))
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
fn observability() -> Result<()> {
    observe::lint::run()
}

/// The templates: CloudFormation's schemas, as they are and transformed with combinations of their
/// parameters, SAM's, and rules of security; then the deployment's unit tests. The checks are
/// installed where they are missing.
fn template() -> Result<()> {
    SAM.install()?;
    CHECKOV.install()?;
    let file = root().join("template.yaml");
    // Regions differ in what they have; the template names none.
    let region = ("AWS_DEFAULT_REGION", "us-east-1");
    // The roles of the workflow that deploys.
    let roles = root().join("deploy/aws/ci-role.yaml");
    let gateway = root().join("deploy/aws/gateway.yaml");
    let mut cfn_lint = SAM.program("cfn-lint");
    cfn_lint.args([&roles, &gateway]);
    let mut transformed = SAM.program("python");
    transformed.args(["-B", "deploy/aws/lint"]).arg(&gateway);
    let mut sam = SAM.program("sam");
    sam.args(["validate", "--lint", "--template"])
        .env("SAM_CLI_TELEMETRY", "0");
    let mut checkov = CHECKOV.program("checkov");
    checkov
        .args(["--framework", "cloudformation", "--quiet", "--compact"])
        .arg("--config-file")
        .arg(root().join(".checkov.yaml"))
        .arg("--file")
        .args([&roles, &gateway]);
    let tools = [
        (cfn_lint, "cfn-lint"),
        (transformed, "cfn-lint transformed"),
        (sam, "sam validate"),
        (checkov, "checkov"),
    ];
    let mut unit_tests = SAM.program("python");
    unit_tests
        .args(["-B", "-m", "unittest", "discover", "deploy/aws/tests"])
        .env(region.0, region.1)
        .current_dir(root());
    let unit_tests = logged(&mut unit_tests, "deploy/aws: unit tests", "deploy-tests");
    let steps = tools.map(|(mut command, step)| {
        command
            .arg(&file)
            .env(region.0, region.1)
            .current_dir(root());
        logged(&mut command, step, &step.replace(' ', "-"))
    });
    all([unit_tests].into_iter().chain(steps))
}

/// Dockerfiles, compose files and workflows.
fn containers() -> Result<()> {
    lints::containers::run()
}

/// The Helm chart, where there is Go. Not part of `cargo xtask test`: the first run builds Helm and
/// others, which takes minutes.
fn chart() -> Result<()> {
    lints::chart::run()
}

/// Rust's lints, tests included.
fn clippy() -> Result<()> {
    logged(
        builds::everything(cargo().arg("clippy"))
            // No build of the tests has these.
            .args(["--features", "trichrome-gateway/heap-profiles"])
            .args(["--features", "trichrome-bench/run"])
            .args(["--", "-D", "warnings"])
            .current_dir(root()),
        "clippy",
        "clippy",
    )
}

/// The documentation: broken links and invalid HTML.
fn docs() -> Result<()> {
    logged(
        cargo()
            .args(["doc", "--workspace", "--no-deps", "--locked"])
            .env("RUSTDOCFLAGS", "-D warnings")
            .current_dir(root()),
        "docs",
        "docs",
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

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    fn check(name: &'static str, run: fn() -> Result<()>) -> Check {
        Check {
            name,
            run,
            remedy: "mend it",
        }
    }

    #[test]
    fn every_check_runs_and_each_failure_has_its_remedy() {
        let checks = [
            check("one", || bail!("first")),
            check("two", || Ok(())),
            check("three", || bail!("third")),
        ];
        let error = run_all(checks.iter()).unwrap_err().to_string();
        assert_eq!(
            error,
            "these checks failed:\n  one: mend it\n  three: mend it"
        );
        assert!(run_all(checks[1..2].iter()).is_ok());
    }

    #[test]
    fn the_checks_beside_the_tests_exist() {
        for name in BESIDE_TESTS {
            assert!(CHECKS.iter().any(|check| check.name == name), "{name}");
        }
    }

    #[test]
    fn every_step_of_a_check_is_reported() {
        let steps = [
            Err(anyhow::anyhow!("first")),
            Ok(()),
            Err(anyhow::anyhow!("third")),
        ];
        assert_eq!(all(steps).unwrap_err().to_string(), "first\nthird");
        assert!(all([Ok(())]).is_ok());
    }
}
