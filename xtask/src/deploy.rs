//! Deploys `template.yaml` through CloudFormation, with `deploy/aws/deploy.py`.

use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;

use crate::{
    job::Job,
    stack::Description,
    tools,
    workspace::{root, target},
};

/// The stack's name, which prefixes the names of its functions.
pub(crate) const STACK: &str = "trichrome";

/// The variable with the URL of the Postgres that functions elsewhere use.
const DATABASE_URL: &str = "TRICHROME_DATABASE_URL";

/// Region and credentials for the local AWS.
pub(crate) const LOCAL_CREDENTIALS: [(&str, &str); 3] = [
    ("AWS_REGION", "us-east-1"),
    ("AWS_ACCESS_KEY_ID", "local"),
    ("AWS_SECRET_ACCESS_KEY", "local"),
];

/// Where to deploy to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// The local stack's own AWS.
    Local {
        /// Whether it enforces IAM policies.
        enforce_iam: bool,
    },
    /// An emulator, such as LocalStack.
    Endpoint(String),
    /// AWS itself, as configured by the AWS variables.
    Aws,
}

impl Target {
    /// Parses `--endpoint`: an address, `aws`, or nothing.
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
            "--endpoint {endpoint} is not an address: write http://host:port, or aws for AWS itself"
        );
        ensure!(
            !host.contains("amazonaws.com"),
            "AWS has an address for each service: write --endpoint aws, and set AWS_REGION"
        );
        Ok(Self::Endpoint(endpoint.to_owned()))
    }

    /// The name of the stack that `up --deployed` runs with it. Each kind has its own state, so
    /// that a deployment to AWS keeps its token key while others are wiped.
    pub(crate) fn stack(&self) -> &'static str {
        match self {
            Self::Local { .. } => "deployed",
            Self::Endpoint(_) => "deployed-endpoint",
            Self::Aws => "deployed-aws",
        }
    }

    /// Whether the functions run on this machine and can reach loopback.
    fn is_local(&self) -> bool {
        matches!(self, Self::Local { .. })
    }

    /// The URL of the functions' Postgres.
    pub(crate) fn database_url(&self, local: &str) -> Result<String> {
        match env::var(DATABASE_URL) {
            Ok(url) => Ok(url),
            Err(_) if self.is_local() => Ok(local.to_owned()),
            Err(_) => bail!(
                "the functions need a Postgres that they can reach: set {DATABASE_URL} to its URL"
            ),
        }
    }

    /// The folder with the functions' code: the debug build for the local AWS, or else the
    /// result of `cargo xtask build`.
    fn code(&self) -> PathBuf {
        if self.is_local() {
            target().join("debug")
        } else {
            crate::commands::build::folder()
        }
    }

    /// The template's parameters.
    fn parameters(&self) -> Vec<String> {
        let mut parameters = Vec::new();
        if !matches!(self, Self::Aws) {
            // Emulators use plain HTTP.
            parameters.push("TlsOnly=false");
        }
        if self.is_local() {
            // Tests make more calls than the limits for production allow.
            parameters.extend([
                "PasswordThrottleRate=1000",
                "PasswordThrottleBurst=2000",
                "ThrottleRate=5000",
                "ThrottleBurst=5000",
                "LogRetentionDays=1",
                "SignupsPerAddress=100000",
                "SignupsTotal=100000",
                // Tests call from several addresses by the header of proxies.
                "TrustedProxies=127.0.0.0/8",
            ]);
        }
        parameters.into_iter().map(str::to_owned).collect()
    }
}

/// Outputs of a deployed stack.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Outputs {
    /// The REST API's address from this machine.
    pub(crate) endpoint: String,
    pub(crate) function_prefix: String,
    pub(crate) function_alias: String,
    pub(crate) users_table: String,
    pub(crate) pictures_table: String,
    pub(crate) pictures_bucket: String,
    pub(crate) call_log_queue_url: String,
    pub(crate) derive_queue_url: String,
}

/// Creates or updates the stack. `variables` have the endpoint, the credentials and the token
/// keys; `parameters` (`NAME=VALUE`) override the template's defaults.
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
    // The last value of a name wins.
    for parameter in target.parameters().iter().chain(parameters) {
        command.args(["--parameter", parameter]);
    }
    command
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .env("DATABASE_URL", target.database_url(database_url)?);
    let answer = log.with_extension("json");
    Job::begin(
        &mut command,
        "template.yaml, through CloudFormation",
        log,
        Some(File::create(&answer)?),
    )?
    .finish_with(String::new)?;
    let text = fs::read_to_string(&answer)?;
    serde_json::from_str(&text).with_context(|| format!("outputs of the stack: {text}"))
}

/// Deletes the stack, and its data if `delete_data` is set.
pub(crate) fn down(target: &Target, delete_data: bool) -> Result<()> {
    let mut command = program();
    command.args(["down", "--stack", STACK]);
    if delete_data {
        command.arg("--delete-data");
    }
    finish(target, command)
}

/// Has derivatives made of the pictures of a running stack that have none, and prints the counts.
pub(crate) fn backfill(stack: &Description, arguments: &[String]) -> Result<()> {
    let mut command = program();
    command
        .arg("backfill")
        .args(["--table", &stack.pictures_table])
        .args(["--bucket", &stack.pictures_bucket])
        .args(["--queue", &stack.derive_queue_url])
        .args(arguments);
    if !stack.aws_endpoint.is_empty() {
        command
            .env("AWS_ENDPOINT_URL", &stack.aws_endpoint)
            .envs(LOCAL_CREDENTIALS);
    }
    let status = command.status().context("cannot start Python")?;
    ensure!(status.success(), "the backfill failed");
    Ok(())
}

/// Checks before a build that the target, the code and a Postgres for the functions exist.
pub(crate) fn check(target: &Target) -> Result<()> {
    if target.is_local() {
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

/// Runs the script; what it prints to standard error is the error.
fn finish(target: &Target, mut command: Command) -> Result<()> {
    if let Target::Endpoint(url) = target {
        command.env("AWS_ENDPOINT_URL", url);
    }
    let output = command.output().context("cannot start Python")?;
    let messages = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}", messages.trim());
    eprint!("{messages}");
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
        for (endpoint, remedy) in [
            ("localhost:4566", "http://host:port"),
            ("", "http://host:port"),
            (
                "https://cloudformation.eu-west-1.amazonaws.com",
                "--endpoint aws",
            ),
        ] {
            let error = read(endpoint).unwrap_err().to_string();
            assert!(error.contains(remedy), "{error}");
        }
    }

    #[test]
    fn only_the_local_aws_uses_the_local_postgres() {
        let local = Target::Local { enforce_iam: false };
        assert_eq!(
            local.database_url("postgres://l/d").unwrap(),
            "postgres://l/d"
        );
        let error = Target::Aws.database_url("postgres://l/d").unwrap_err();
        assert!(error.to_string().contains(DATABASE_URL), "{error}");
    }
}
