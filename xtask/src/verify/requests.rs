//! Generated requests, valid and invalid, by Schemathesis from `openapi.json`, to every base URL
//! of a stack. None may fail because of the service.

use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command},
    thread,
};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::Signal;
use serde::Deserialize;
use serde_json::json;

use super::{Checks, Part, checks};
use crate::{
    builds, http, interrupt, process,
    progress::Step,
    stack::{self, Ports, Stack, Supervisor},
    tools::REQUESTS,
    workspace::root,
};

pub(super) static PART: Part = Part {
    name: "requests",
    about: "thousands of generated requests to every base URL, none answered with 5xx",
    needs: &[],
    run,
};

/// The stack's name.
const STACK: &str = "verify-requests";

/// The number of requests that each base URL must get.
const REQUESTS_PER_URL: u64 = 2500;

/// Schemathesis's number of random requests for each operation, on top of those that cover the
/// schema: enough for [`REQUESTS_PER_URL`].
const EXAMPLES: &str = "150";

/// Seconds after which a request counts as failed. The gateway's own deadline is ten.
const TIMEOUT: &str = "20";

/// The password of the users that send the requests.
const PASSWORD: &str = "correct horse battery staple";

fn run(checks: &mut Checks) -> Result<()> {
    let Some(lock) = Stack::lock(STACK)? else {
        bail!("`cargo xtask verify` is already running in this clone");
    };
    REQUESTS.install()?;
    finds_failures(checks)?;
    stack::set_up(builds::programs)?;
    Stack::wipe(STACK, &lock)?;
    let mut supervisor = Supervisor::start(Stack::new(STACK, Ports::free()?, lock)?)?;
    let description = supervisor.stack().description();
    let facade = |name: &str| format!("{}/{name}", description.gateway_url);
    let urls = [
        ("rest-api", description.rest_url.clone()),
        ("rest", facade("rest")),
        ("grpc", facade("grpc")),
        ("events", facade("events")),
    ];
    let mut runs = Vec::new();
    for (name, url) in &urls {
        runs.push(Generator::begin(
            name,
            url,
            Some(&sign_up(name, url)?),
            &["--max-examples", EXAMPLES],
        )?);
    }
    let mut step = Step::begin("Generated requests");
    supervisor.watch(|| {
        step.tick("");
        runs.iter_mut().all(Generator::has_ended)
    })?;
    interrupt::check()?;
    step.clear();
    for run in runs {
        let (name, outcome) = (run.name.clone(), run.outcome());
        let problem = outcome.as_ref().err().map(|error| format!("{error:#}"));
        let sent = outcome.unwrap_or_default();
        let check = format!("{name}: {sent} requests, none failed by the service");
        checks.holds(&check, problem.is_none(), &problem.unwrap_or_default());
    }
    checks.holds(
        "no process ended",
        supervisor.crashes() == 0,
        "a part of the stack crashed; its log says why",
    );
    Ok(())
}

/// Checks that a service with faults is found out.
fn finds_failures(checks: &mut Checks) -> Result<()> {
    const ERROR: &str = "HTTP/1.1 500 \r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    for (name, answer, timeout, problem) in [
        ("500", Some(ERROR), TIMEOUT, "Server error"),
        ("no answer", None, "1", "timed out"),
    ] {
        let url = faulty(answer)?;
        let options = [
            "--max-examples=1",
            "--include-operation-id=users-get-by-username",
            "--request-timeout",
            timeout,
        ];
        let check = format!("schemathesis: {name} is a failure");
        checks.refuses(&check, &mut schemathesis(&url, None, &options)?, problem)?;
    }
    Ok(())
}

/// A server that gives every request this answer, or none, until this program ends.
fn faulty(answer: Option<&'static str>) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}", listener.local_addr()?);
    thread::spawn(move || {
        let mut unanswered = Vec::new();
        for mut stream in listener.incoming().flatten() {
            // The request's head is one packet here.
            let _ = stream.read(&mut [0; 16 * 1024]);
            match answer {
                Some(answer) => drop(stream.write_all(answer.as_bytes())),
                None => unanswered.push(stream),
            }
        }
    });
    Ok(url)
}

/// Creates a user for a base URL and returns its name.
fn sign_up(name: &str, url: &str) -> Result<String> {
    let username = format!("requests-{name}");
    let user = json!({"username": username, "password": PASSWORD});
    let answer = http::call("POST", &format!("{url}/signup"), None, Some(&user))?;
    ensure!(
        answer.status == 201,
        "{url}/signup: {} {}",
        answer.status,
        answer.body
    );
    Ok(username)
}

/// Schemathesis, which finds 5xx, time-outs and broken connections. With a user it logs in, again
/// if its token is refused.
fn schemathesis(url: &str, username: Option<&str>, options: &[&str]) -> Result<Command> {
    let folder = checks::logs()?.join("requests");
    fs::create_dir_all(&folder)?;
    let mut command = REQUESTS.program("schemathesis");
    command.current_dir(&folder).env("NO_PROXY", "127.0.0.1");
    if let Some(username) = username {
        let config = folder.join(format!("{username}.toml"));
        fs::write(&config, login(username))?;
        command.arg("--config-file").arg(config);
    }
    command
        .arg("run")
        .arg(root().join("proto/openapi.json"))
        .args(["--url", url])
        .args(["--checks", "not_a_server_error"])
        .args(["--phases", "coverage,fuzzing"])
        // More than one thread meets a fault of Python 3.11 (`AST constructor recursion depth
        // mismatch`); one process for each base URL is concurrency enough.
        .args(["--workers", "1"])
        .args(["--request-timeout", TIMEOUT])
        .args(["--continue-on-failure", "--no-color", "--warnings", "off"])
        .args(options);
    Ok(command)
}

/// Schemathesis's configuration for an access token.
fn login(username: &str) -> String {
    format!(
        "[auth.dynamic.openapi.token]
path = \"/login\"
method = \"post\"
payload = {{ username = \"{username}\", password = \"{PASSWORD}\" }}
extract_from = \"body\"
extract_selector = \"/access_token\"
"
    )
}

/// A running Schemathesis, which is stopped when this is dropped.
struct Generator {
    name: String,
    child: Child,
    log: PathBuf,
    report: PathBuf,
}

impl Generator {
    fn begin(name: &str, url: &str, username: Option<&str>, options: &[&str]) -> Result<Self> {
        let log = checks::log(&format!("requests {name}"))?;
        let report = checks::logs()?.join(format!("requests-{name}.json"));
        if report.exists() {
            fs::remove_file(&report)?;
        }
        let file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut command = schemathesis(url, username, options)?;
        command
            .args(["--report", "json", "--report-json-path"])
            .arg(&report)
            .stdout(file.try_clone()?)
            .stderr(file);
        Ok(Self {
            name: name.to_owned(),
            child: process::spawn(&mut command)?,
            log,
            report,
        })
    }

    fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// The number of requests.
    ///
    /// # Errors
    ///
    /// One of them failed, or there were too few.
    fn outcome(mut self) -> Result<u64> {
        let status = self.child.wait()?;
        ensure!(
            status.success(),
            "{status}:\n{}\n(whole log: {})",
            process::tail(&self.log, 60),
            self.log.display()
        );
        Report::read(&self.report)?.requests()
    }
}

impl Drop for Generator {
    fn drop(&mut self) {
        process::stop(&mut self.child, Signal::TERM, process::TICK);
    }
}

/// Schemathesis's report.
#[derive(Deserialize)]
struct Report {
    complete: bool,
    test_cases: TestCases,
}

#[derive(Deserialize)]
struct TestCases {
    generated: u64,
    with_failures: u64,
    errored: u64,
}

impl Report {
    fn read(path: &Path) -> Result<Self> {
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{}", path.display()))
    }

    /// The number of requests, all of which must have been answered.
    fn requests(&self) -> Result<u64> {
        let cases = &self.test_cases;
        ensure!(
            self.complete && cases.with_failures == 0 && cases.errored == 0,
            "{} requests failed, {} had no answer",
            cases.with_failures,
            cases.errored
        );
        ensure!(
            cases.generated >= REQUESTS_PER_URL,
            "only {} requests were sent, expected {REQUESTS_PER_URL}",
            cases.generated
        );
        Ok(cases.generated)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_few_requests_and_failed_ones_fail() {
        let requests = |complete: bool, generated: u64, with_failures: u64, errored: u64| {
            let cases = json!({
                "generated": generated, "with_failures": with_failures, "errored": errored,
            });
            let report = json!({"complete": complete, "test_cases": cases});
            let report: Report = serde_json::from_value(report).unwrap();
            report.requests().ok()
        };
        assert_eq!(requests(true, 2500, 0, 0), Some(2500));
        assert_eq!(requests(true, 2499, 0, 0), None);
        assert_eq!(requests(true, 2500, 1, 0), None);
        assert_eq!(requests(true, 2500, 0, 1), None);
        assert_eq!(requests(false, 2500, 0, 0), None);
    }

    #[test]
    fn a_faulty_server_answers_as_it_should_not() {
        let url = faulty(Some("HTTP/1.1 500 \r\ncontent-length: 0\r\n\r\n")).unwrap();
        assert_eq!(http::call("GET", &url, None, None).unwrap().status, 500);
    }
}
