//! Deploying `template.yaml` through CloudFormation, by `deploy/aws/deploy.py`.

use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;

use crate::{
    process, tools,
    workspace::{root, target},
};

/// The stack's name, which its functions' names begin with.
pub(crate) const STACK: &str = "trichrome";

/// A Postgres that deployed functions reach, where they are not on this machine.
const DATABASE_URL: &str = "TRICHROME_DATABASE_URL";

/// Where to deploy to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// The local stack's own AWS.
    Local {
        /// Whether it holds calls to their policies.
        enforce_iam: bool,
    },
    /// Another one that speaks its protocols at one address, such as LocalStack.
    Endpoint(String),
    /// AWS itself, as the AWS variables say.
    Aws,
}

impl Target {
    /// Of `--endpoint`: an address, `aws`, or nothing.
    pub(crate) fn from_endpoint(endpoint: Option<&str>) -> Result<Self> {
        let Some(endpoint) = endpoint else {
            return Ok(Self::Local { enforce_iam: false });
        };
        if endpoint == "aws" {
            return Ok(Self::Aws);
        }
        let endpoint = endpoint.trim_end_matches('/');
        let host = ["http://", "https://"]
            .into_iter()
            .find_map(|scheme| endpoint.strip_prefix(scheme))
            .unwrap_or_default();
        ensure!(
            !host.is_empty(),
            "--endpoint {endpoint} is no address: write http://host:port, or aws for AWS itself"
        );
        ensure!(
            !host.contains("amazonaws.com"),
            "each AWS service has an address of its own: write --endpoint aws, and set AWS_REGION"
        );
        Ok(Self::Endpoint(endpoint.to_owned()))
    }

    /// The name of the stack that `up --deployed` runs with it. Each kind has a state of its own:
    /// the token key of what is deployed to AWS must outlive a day's work with a local one.
    pub(crate) fn stack(&self) -> &'static str {
        match self {
            Self::Local { .. } => "deployed",
            Self::Endpoint(_) => "deployed-endpoint",
            Self::Aws => "deployed-aws",
        }
    }

    /// Whether the functions run on this machine, and so reach what listens on loopback.
    fn is_here(&self) -> bool {
        matches!(self, Self::Local { .. })
    }

    /// Which Postgres the functions are to use.
    pub(crate) fn database_url(&self, local: &str) -> Result<String> {
        match env::var(DATABASE_URL) {
            Ok(url) => Ok(url),
            Err(_) if self.is_here() => Ok(local.to_owned()),
            Err(_) => bail!(
                "the functions need a Postgres that they reach: set {DATABASE_URL} to its URL"
            ),
        }
    }

    /// Where the functions' code is: what `up` builds anyway for the local AWS, else what
    /// `cargo xtask build` made.
    fn code(&self) -> PathBuf {
        if self.is_here() {
            target().join("debug")
        } else {
            crate::commands::build::folder()
        }
    }

    /// The template's parameters.
    fn parameters(&self) -> Vec<String> {
        let mut parameters = Vec::new();
        if !matches!(self, Self::Aws) {
            // They speak plain HTTP.
            parameters.push("TlsOnly=false");
        }
        if self.is_here() {
            // Tests are faster than people, and a machine's cores are its limit.
            parameters.extend([
                "PasswordThrottleRate=1000",
                "PasswordThrottleBurst=2000",
                "ThrottleRate=5000",
                "ThrottleBurst=5000",
                "LogRetentionDays=1",
            ]);
        }
        parameters.into_iter().map(str::to_owned).collect()
    }
}

/// What a deployed stack says of itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Outputs {
    /// The REST API, as it is reached from here.
    pub(crate) endpoint: String,
    pub(crate) function_prefix: String,
    pub(crate) users_table: String,
    pub(crate) pictures_table: String,
    pub(crate) pictures_bucket: String,
}

/// Creates or updates the stack. `variables` say where, as whom, and with which keys, `parameters`
/// (`NAME=VALUE`) what differs from the template's defaults.
pub(crate) fn up(
    target: &Target,
    variables: &[(&'static str, String)],
    parameters: &[String],
    database_url: &str,
    log: &Path,
) -> Result<Outputs> {
    let mut command = program();
    command
        .args(["up", "--stack", STACK, "--code"])
        .arg(target.code())
        .arg("--template")
        .arg(root().join("template.yaml"));
    // The later one of a name counts.
    for parameter in target.parameters().iter().chain(parameters) {
        command.args(["--parameter", parameter]);
    }
    command
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .env("DATABASE_URL", target.database_url(database_url)?);
    let answer = log.with_extension("json");
    process::run_split(
        &mut command,
        "template.yaml, through CloudFormation",
        log,
        File::create(&answer)?,
        String::new,
    )?;
    let text = fs::read_to_string(&answer)?;
    serde_json::from_str(&text).with_context(|| format!("outputs of the stack: {text}"))
}

/// Deletes the stack; with its data, where that is asked for.
pub(crate) fn down(endpoint: &Target, delete_data: bool) -> Result<()> {
    let mut command = program();
    command.args(["down", "--stack", STACK]);
    if delete_data {
        command.arg("--delete-data");
    }
    finish(endpoint, command)
}

/// Sees whether there is an AWS to deploy to, what to deploy, and a Postgres for the functions:
/// before anything is built.
pub(crate) fn check(target: &Target) -> Result<()> {
    if target.is_here() {
        return Ok(());
    }
    target.database_url("")?;
    let mut command = program();
    command
        .args(["check", "--code"])
        .arg(target.code())
        .arg("--template")
        .arg(root().join("template.yaml"));
    finish(target, command)
}

/// Runs it to its end; its last words are the error.
fn finish(target: &Target, mut command: Command) -> Result<()> {
    if let Target::Endpoint(url) = target {
        command.env("AWS_ENDPOINT_URL", url);
    }
    let output = command.output().context("cannot start Python")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}", said.trim());
    eprint!("{said}");
    Ok(())
}

fn program() -> Command {
    let mut command = tools::python();
    command.arg(root().join("deploy/aws/deploy.py"));
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_an_address_or_aws() {
        let read = |text| Target::from_endpoint(Some(text));
        assert_eq!(read("aws").unwrap(), Target::Aws);
        assert_eq!(
            read("http://127.0.0.1:4566/").unwrap(),
            Target::Endpoint("http://127.0.0.1:4566".to_owned())
        );
        for (wrong, way_out) in [
            ("localhost:4566", "http://host:port"),
            ("", "http://host:port"),
            (
                "https://cloudformation.eu-west-1.amazonaws.com",
                "--endpoint aws",
            ),
        ] {
            let error = read(wrong).unwrap_err().to_string();
            assert!(error.contains(way_out), "{error}");
        }
    }

    #[test]
    fn only_the_local_aws_has_the_local_postgres() {
        let local = Target::Local { enforce_iam: false };
        assert_eq!(
            local.database_url("postgres://l/d").unwrap(),
            "postgres://l/d"
        );
        let error = Target::Aws.database_url("postgres://l/d").unwrap_err();
        assert!(error.to_string().contains(DATABASE_URL), "{error}");
    }
}
