//! The Helm chart: Helm's own lint, Kubernetes' schemas, and rules of security and reliability, for
//! each set of values; values that must be refused; the package; and its README.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{
    chart::{
        self, Values,
        programs::{HELM, HELM_DOCS, KUBE_SCORE, KUBECONFORM, SCHEMAS},
    },
    process,
    progress::{Step, say},
    tools,
    verify::{Need as _, go_program::GoProgram},
};

/// What kube-score asks for and the chart doesn't do, on purpose:
/// - limits of CPU, which throttle the bursts that they are to serve
/// - users above 10000, since the web app's image runs nginx as 101
/// - images that are always pulled, since tags here are versions
/// - anti-affinity between nodes, in whose place pods spread over zones and nodes
/// - a number of replicas, where an autoscaler sets it
const IGNORED: [&str; 4] = [
    "container-image-pull-policy",
    "container-security-context-user-group-id",
    "deployment-has-host-podantiaffinity",
    "deployment-replicas",
];

/// Values that must be refused, on top of `ci/minimal.yaml`, and what the refusal names.
const REFUSED: [(&[&str], &str); 13] = [
    (&["image.registry="], "image.registry: set"),
    (&["aws.region="], "aws.region: set"),
    (&["gateway.restUrl="], "gateway.restUrl: set"),
    (&["web.picturesOrigin="], "web.picturesOrigin: set"),
    (&["kafka.brokers="], "kafka.brokers: set"),
    (&["kafka.brokers=broker"], "brokers"),
    (&["gateway.image.tag=latest"], "tag"),
    (&["gatewy.replicas=3"], "gatewy"),
    (
        &["kafka.securityProtocol=SASL_SSL"],
        "kafka.login.existing.name: set",
    ),
    (
        &[
            "kafka.securityProtocol=SASL_SSL",
            "kafka.saslMechanism=AWS_MSK_IAM",
        ],
        "can't log in by AWS_MSK_IAM",
    ),
    (
        &["autoscaling.engine=keda"],
        "autoscaling.keda.serverAddress: set",
    ),
    (
        &["autoscaling.engine=hpa", "kafka.topics.partitions=1"],
        "fewer partitions",
    ),
    // Replicas that were just started could all be stopped at once.
    (
        &["autoscaling.stabilizationSeconds=60"],
        "stabilizationSeconds",
    ),
];

/// Runs every check, where there is Go.
pub(crate) fn run() -> Result<()> {
    let programs: [&GoProgram; 5] = [&HELM, &HELM_DOCS, &KUBECONFORM, &KUBE_SCORE, &SCHEMAS];
    for program in programs {
        if let Some(lacking) = program.lacks()? {
            say(format!(
                "! chart: NOT checked, without {}: {lacking}",
                program.name
            ));
            return Ok(());
        }
    }
    let helm = HELM.get()?;
    readme()?;
    for values in chart::value_sets()? {
        check(&helm, &values)?;
    }
    mistakes()?;
    refused(&helm)?;
    package(&helm)
}

/// Writes the README. Says so where there is no Go.
pub(crate) fn generate() -> Result<()> {
    if let Some(lacking) = HELM_DOCS.lacks()? {
        say(format!("! the chart's README was NOT written: {lacking}"));
        return Ok(());
    }
    process::run_logged(
        &mut helm_docs()?,
        "README of the chart",
        &tools::logs()?.join("helm-docs.log"),
    )
}

fn helm_docs() -> Result<Command> {
    let mut command = Command::new(HELM_DOCS.get()?);
    command
        .args(["--log-level", "warning", "--sort-values-order", "file"])
        .arg("--chart-search-root")
        .arg(chart::folder());
    Ok(command)
}

fn readme() -> Result<()> {
    let output = helm_docs()?.arg("--dry-run").output()?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "helm-docs: {error}");
    let file = chart::folder().join("README.md");
    let text = fs::read_to_string(&file).unwrap_or_default();
    let current = String::from_utf8_lossy(&output.stdout).trim() == text.trim();
    Step::begin("chart: README").end(current);
    ensure!(
        current,
        "{} is out of date: run `cargo xtask generate`",
        file.display()
    );
    Ok(())
}

fn check(helm: &Path, values: &Values) -> Result<()> {
    let name = &values.name;
    logged(
        chart::helm(helm)
            .args(["lint", "--strict", "--quiet", "--values"])
            .arg(&values.file)
            .arg(chart::folder()),
        &format!("chart: helm lint, {name}"),
        "helm-lint",
    )?;
    let objects = chart::render(helm, values)?;
    logged(
        &mut kubeconform(&objects)?,
        &format!("chart: kubeconform, {name}"),
        "kubeconform",
    )?;
    logged(
        &mut kube_score(&objects)?,
        &format!("chart: kube-score, {name}"),
        "kube-score",
    )
}

fn kubeconform(objects: &Path) -> Result<Command> {
    let schemas = SCHEMAS.get()?.join("schemas");
    let mut command = Command::new(KUBECONFORM.get()?);
    command
        .args(["-strict", "-summary", "-schema-location"])
        .arg(schemas.join("{{.ResourceKind}}{{.KindSuffix}}.json"))
        .arg(objects);
    Ok(command)
}

fn kube_score(objects: &Path) -> Result<Command> {
    let mut command = Command::new(KUBE_SCORE.get()?);
    command
        .args(["score", "--output-format", "ci", "--exit-one-on-warning"])
        .arg("--ignore-container-cpu-limit")
        .args(["--enable-optional-test", "pod-topology-spread-constraints"])
        .args(["--ignore-test", &IGNORED.join(",")])
        .arg(objects);
    Ok(command)
}

/// The checks find what they are for: a field that Kubernetes doesn't know, and a writable root.
fn mistakes() -> Result<()> {
    let work = chart::work()?;
    let objects = fs::read_to_string(work.join("minimal.yaml"))?;
    let broken = |right: &str, wrong: &str| -> Result<_> {
        let file = work.join("mistake.yaml");
        fs::write(&file, objects.replace(right, wrong))?;
        Ok(file)
    };
    let misspelt = broken("terminationGracePeriodSeconds:", "terminationGraceSeconds:")?;
    let found = kubeconform(&misspelt)?.output()?;
    let schema = names(&found, "terminationGraceSeconds");
    let writable = broken(
        "readOnlyRootFilesystem: true",
        "readOnlyRootFilesystem: false",
    )?;
    let found = kube_score(&writable)?.output()?;
    let score = names(&found, "writable root filesystem");
    Step::begin("chart: mistakes that must be found").end(schema && score);
    ensure!(
        schema,
        "kubeconform accepts a field that Kubernetes doesn't know"
    );
    ensure!(score, "kube-score accepts a writable root");
    Ok(())
}

/// Whether a program failed and named the problem.
fn names(output: &Output, problem: &str) -> bool {
    !output.status.success() && String::from_utf8_lossy(&output.stdout).contains(problem)
}

fn refused(helm: &Path) -> Result<()> {
    let mut step = Step::begin("chart: values that must be refused");
    let outcome = REFUSED.iter().try_for_each(|(settings, problem)| {
        step.tick(problem);
        refuses(helm, settings, problem)
    });
    step.end(outcome.is_ok());
    outcome
}

fn refuses(helm: &Path, settings: &[&str], problem: &str) -> Result<()> {
    let minimal = chart::folder().join("ci/minimal.yaml");
    let mut command = chart::template(helm, &chart::folder());
    command.arg("--values").arg(minimal);
    for setting in settings {
        command.args(["--set", setting]);
    }
    let output = command.output().context("cannot start helm")?;
    if output.status.success() {
        bail!("{settings:?} was accepted");
    }
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(
        error.contains(problem),
        "{settings:?} isn't refused for {problem:?}: {error}"
    );
    Ok(())
}

/// The package makes the same objects as the folder: it has the files behind the links.
fn package(helm: &Path) -> Result<()> {
    let work = chart::work()?;
    logged(
        chart::helm(helm)
            .arg("package")
            .arg(chart::folder())
            .arg("--destination")
            .arg(&work),
        "chart: helm package",
        "helm-package",
    )?;
    let package = work.join(format!("trichrome-{}.tgz", env!("CARGO_PKG_VERSION")));
    let values = chart::folder().join("ci/everything.yaml");
    let output = chart::template(helm, &package)
        .arg("--values")
        .arg(values)
        .output()?;
    let folder = fs::read(work.join("everything.yaml"))?;
    ensure!(
        output.status.success() && output.stdout == folder,
        "the package {} makes other objects than the folder: {}",
        package.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

fn logged(command: &mut Command, step: &str, log: &str) -> Result<()> {
    process::run_logged(command, step, &tools::logs()?.join(format!("{log}.log")))
}
