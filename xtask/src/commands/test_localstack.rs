//! `cargo xtask test-localstack`: deploys `template.yaml` to LocalStack 4.14.0 and compares the
//! resources with the template. It runs without Docker, and so without calls.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    path::Path,
    process::{Child, Command},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use rustix::process::Signal;

use super::build;
use crate::{
    http, interrupt, process,
    progress::{Step, say},
    tools::{self, LOCALSTACK},
    workspace::{binary, cargo, local, root},
};

const START_TIMEOUT: Duration = Duration::from_secs(90);
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

pub(crate) fn run() -> Result<()> {
    if let Err(error) = LOCALSTACK.find_python() {
        say(format!(
            "SKIPPED: LocalStack 4.14.0 needs another Python: {error:#}"
        ));
        return Ok(());
    }
    LOCALSTACK.install()?;
    let work = local().join("localstack");
    if work.exists() {
        fs::remove_dir_all(&work)?;
    }
    fs::create_dir_all(&work)?;
    let (key, jwks) = keys(&work)?;
    let localstack = LocalStack::start(&work)?;
    // LocalStack accepts any credentials, and nothing connects to the database.
    process::run(
        LOCALSTACK
            .program("python")
            .arg(root().join("localstack/verify"))
            .arg(&work)
            .arg(build::folder())
            .env("AWS_ENDPOINT_URL", &localstack.url)
            .env("AWS_ACCESS_KEY_ID", "local")
            .env("AWS_SECRET_ACCESS_KEY", "local")
            .env("AWS_REGION", "us-east-1")
            .env("TOKEN_KEY_FILE", key)
            .env("TOKEN_JWKS_FILE", jwks)
            .env("DATABASE_URL", "postgres://nobody@127.0.0.1:1/nothing"),
    )
}

/// Creates a token key.
fn keys(work: &Path) -> Result<(std::path::PathBuf, std::path::PathBuf)> {
    process::run_logged(
        cargo()
            .args(["build", "--locked", "--package", "trichrome-prepare"])
            .args(["--bin", "prepare"])
            .current_dir(root()),
        "prepare",
        &tools::logs()?.join("prepare-build.log"),
    )?;
    let (key, jwks) = (work.join("token-key.json"), work.join("token-jwks.json"));
    process::run_logged(
        Command::new(binary("prepare"))
            .arg("key-files")
            .env("TOKEN_KEY_FILE", &key)
            .env("TOKEN_JWKS_FILE", &jwks),
        "token key",
        &work.join("prepare.log"),
    )?;
    Ok((key, jwks))
}

/// A running LocalStack, which is stopped when this is dropped.
struct LocalStack {
    child: Child,
    url: String,
}

impl LocalStack {
    fn start(work: &Path) -> Result<Self> {
        let mut step = Step::begin("LocalStack 4.14.0");
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
            .local_addr()?
            .port();
        let address = format!("127.0.0.1:{port}");
        let log = work.join("localstack.log");
        let output = fs::File::create(&log)?;
        let mut command = LOCALSTACK.program("python");
        command
            .arg(root().join("localstack/verify/serve.py"))
            .env("GATEWAY_LISTEN", &address)
            .env("LOCALSTACK_HOST", &address)
            .env("FILESYSTEM_ROOT", work.join("filesystem"))
            // No telemetry, no downloaded certificate, no DNS server.
            .env("DISABLE_EVENTS", "1")
            .env("SKIP_SSL_CERT_DOWNLOAD", "1")
            .env("DNS_ADDRESS", "0")
            .current_dir(work)
            .stdout(output.try_clone()?)
            .stderr(output);
        let mut localstack = Self {
            child: process::spawn(&mut command)?,
            url: format!("http://{address}"),
        };
        let ready = format!("{}/_localstack/health", localstack.url);
        let started = Instant::now();
        while !http::is_ok(&ready) {
            interrupt::check()?;
            let ended = localstack.child.try_wait().context("LocalStack")?;
            if ended.is_some() || started.elapsed() > START_TIMEOUT {
                step.end(false);
                bail!("LocalStack does not start:\n{}", process::tail(&log, 20));
            }
            step.tick("");
            thread::sleep(Duration::from_millis(100));
        }
        step.end(true);
        Ok(localstack)
    }
}

impl Drop for LocalStack {
    fn drop(&mut self) {
        process::stop(&mut self.child, Signal::TERM, STOP_TIMEOUT);
    }
}
