//! Deploys `template.yaml` to the local AWS of a running stack, next to the existing deployment.
//! Failures are reported in a line with a remedy, the next run repairs them, and deleting the stack
//! leaves nothing behind.
//!
//! `cargo xtask test` runs it on a deployed stack.

#![expect(
    clippy::expect_used,
    reason = "tests and their helpers fail by panicking"
)]

use std::{
    io::{BufRead as _, BufReader, Lines},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use sqlx::{Connection as _, Executor as _, PgConnection};
use uuid::Uuid;

/// The name of the stack deployed by these tests.
const STACK: &str = "second";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The running stack's description file.
fn description() -> Value {
    let path =
        std::env::var_os("TRICHROME_STACK").expect("TRICHROME_STACK: run `cargo xtask test`");
    let text = std::fs::read_to_string(path).expect("stack.json");
    serde_json::from_str(&text).expect("a description")
}

/// The folder with the functions' binaries, which is next to this one.
fn code() -> PathBuf {
    let program = std::env::current_exe().expect("this program");
    program
        .parent()
        .and_then(Path::parent)
        .expect("target/debug")
        .to_owned()
}

/// Runs `deploy.py` with the environment it needs.
fn deploy(command: &str) -> Command {
    let stack = description();
    let text = |name: &str| stack[name].as_str().expect(name).to_owned();
    let mut deploy = Command::new(root().join(".local/tools/python/bin/python"));
    deploy
        .arg("deploy/aws/deploy.py")
        .args([command, "--stack", STACK])
        .current_dir(root())
        .env("AWS_ENDPOINT_URL", text("aws_endpoint"))
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "local")
        .env("AWS_SECRET_ACCESS_KEY", "local")
        .env("DATABASE_URL", text("database_url"))
        .env("TOKEN_KEY_FILE", text("token_key_file"))
        .env("TOKEN_JWKS_FILE", text("token_jwks_file"));
    deploy
}

fn up() -> Command {
    let mut command = deploy("up");
    command
        .arg("--code")
        .arg(code())
        .args(["--parameter", "TlsOnly=false"]);
    command
}

/// Runs a command that must fail without a Python traceback; returns its error output.
fn failure(command: &mut Command) -> String {
    let output = run(command);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(!error.contains("Traceback"), "{error}");
    error
}

fn success(command: &mut Command) -> String {
    let output = run(command);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    String::from_utf8(output.stdout).expect("text")
}

fn run(command: &mut Command) -> Output {
    command.output().expect("Python starts")
}

#[test]
fn reports_an_unreachable_endpoint() {
    // The listener is dropped, so its port refuses connections.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nowhere = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = failure(up().env("AWS_ENDPOINT_URL", &nowhere));
    assert!(error.contains("AWS doesn't answer at"), "{error}");
    assert!(error.contains(&nowhere), "{error}");
}

#[test]
fn reports_missing_and_invalid_credentials() {
    let mut missing = up();
    missing
        .env_remove("AWS_ACCESS_KEY_ID")
        .env_remove("AWS_SECRET_ACCESS_KEY")
        .env_remove("AWS_PROFILE")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("AWS_EC2_METADATA_DISABLED", "true");
    let error = failure(&mut missing);
    assert!(
        error.contains("set AWS_PROFILE, or AWS_ACCESS_KEY_ID"),
        "{error}"
    );
    let error = failure(up().env("AWS_ACCESS_KEY_ID", "AKIANOBODY"));
    assert!(error.contains("refuses the credentials"), "{error}");
    let error = failure(
        up().env_remove("AWS_REGION")
            .env_remove("AWS_DEFAULT_REGION")
            .env("AWS_CONFIG_FILE", "/dev/null"),
    );
    assert!(error.contains("set AWS_REGION"), "{error}");
}

#[test]
fn reports_a_missing_zip() {
    let empty = std::env::temp_dir();
    let error = failure(deploy("up").arg("--code").arg(empty.join("no-such-folder")));
    assert!(error.contains("users-get"), "{error}");
    assert!(error.contains("cargo xtask build"), "{error}");
}

/// One test, because each step builds on the previous one.
#[test]
fn a_failed_stack_is_repaired_updated_and_deleted() {
    let url = description()["database_url"].as_str().unwrap().to_owned();
    let error = failure(up().env("DATABASE_URL", format!("{url}-that-is-not")));
    assert!(error.contains("ROLLBACK_COMPLETE"), "{error}");
    assert!(
        error.contains("Migration: the migrations failed"),
        "{error}"
    );

    let first: Value = serde_json::from_str(&success(&mut up())).unwrap();
    assert_eq!(first["FunctionPrefix"], format!("{STACK}-").as_str());

    let again: Value = serde_json::from_str(&success(&mut up())).unwrap();
    assert_eq!(again, first, "deploying again changes nothing");
    // A new URL is stored for the functions, and its database is migrated. A schema that a later
    // version has migrated is left alone.
    let moved_to = format!("{url}?application_name=moved");
    let schema = LaterSchema::begin(&url);
    let moved = success(up().env("DATABASE_URL", &moved_to));
    drop(schema);
    assert_eq!(serde_json::from_str::<Value>(&moved).unwrap(), first);
    assert_eq!(success(&mut database_url()).trim(), moved_to);
    success(up().env_remove("DATABASE_URL"));
    assert_eq!(
        success(&mut database_url()).trim(),
        moved_to,
        "an unset URL keeps the old one"
    );

    rotate(&url);

    let changed = up()
        .args(["--parameter", "LogLevel=warn"])
        .output()
        .unwrap();
    assert!(changed.status.success());
    let changed: Value = serde_json::from_slice(&changed.stdout).unwrap();
    assert_eq!(changed, first, "an update keeps the API and the tables");

    let entry = Uuid::now_v7();
    success(&mut dead_letter(&first, entry));
    let moved: Value = serde_json::from_str(&success(&mut deploy("redrive"))).unwrap();
    let counts =
        |call_logs: u32| serde_json::json!({"moved": {"call_logs": call_logs, "derive": 0}});
    assert_eq!(moved, counts(1));
    assert!(is_stored(&url, entry), "the call log was not stored");
    let moved: Value = serde_json::from_str(&success(&mut deploy("redrive"))).unwrap();
    assert_eq!(moved, counts(0));

    let swept: Value = serde_json::from_str(&success(&mut sweep(&first))).unwrap();
    // The table is younger than the orphan, as one that was restored from a backup would be.
    let names = serde_json::json!(["kept", "orphan", "young"]);
    let refused = &swept["refused"];
    assert_eq!(refused["error"], "Unhandled", "{refused}");
    assert_eq!(refused["errorType"], "ABORTED", "{refused}");
    let message = refused["errorMessage"].as_str().expect("a message");
    assert!(message.contains("the pictures table is"), "{refused}");
    assert_eq!(refused["left"], names, "{refused}");
    let dry = &swept["dry"];
    assert_eq!((&dry["orphans"], &dry["removed"]), (&1.into(), &0.into()));
    assert!(dry["refusal"].is_string(), "{dry}");
    assert_eq!(dry["left"], names, "{dry}");
    let forced = &swept["forced"];
    assert_eq!(forced["removed"], 1, "{forced}");
    assert_eq!(forced["left"], serde_json::json!(["kept", "young"]));

    let mut other_key = up();
    other_key.env("TOKEN_KEY_FILE", root().join("Cargo.toml"));
    let error = failure(&mut other_key);
    assert!(error.contains("a different key"), "{error}");

    // Going back needs neither code nor a template.
    let previous = std::env::temp_dir().join(format!("previous-{}.json", Uuid::now_v7()));
    success(
        up().args(["--parameter", "LogLevel=debug", "--previous"])
            .arg(&previous),
    );
    assert_eq!(success(&mut log_level()).trim(), "debug");
    success(deploy("restore").arg("--previous").arg(&previous));
    assert_eq!(success(&mut log_level()).trim(), "warn");
    std::fs::remove_file(&previous).expect("written by up");

    success(up().args(["--termination-protection", "on"]));
    let error = failure(deploy("down").arg("--delete-data"));
    assert!(error.contains("is protected"), "{error}");
    success(up().args(["--termination-protection", "off"]));

    // The data outlives the stack, and a second run finds it without the stack.
    success(&mut deploy("down"));
    let left: Vec<String> = serde_json::from_str(&success(&mut leftovers())).unwrap();
    for kept in [
        "UsersTable",
        "PicturesTable",
        "picturesbucket",
        "TokenKey",
        "database-url",
    ] {
        assert!(
            left.iter().any(|name| name.contains(kept)),
            "{kept}: {left:?}"
        );
    }
    success(deploy("down").arg("--delete-data"));
    let left = success(&mut leftovers());
    assert_eq!(left.trim(), "[]");
    success(deploy("down").arg("--delete-data"));
}

/// Marks the database as migrated by a later version until dropped.
struct LaterSchema<'a>(&'a str);

impl<'a> LaterSchema<'a> {
    fn begin(url: &'a str) -> Self {
        execute(
            url,
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (9999, 'of a later version', true, '', 0)",
        );
        Self(url)
    }
}

impl Drop for LaterSchema<'_> {
    fn drop(&mut self) {
        execute(self.0, "DELETE FROM _sqlx_migrations WHERE version = 9999");
    }
}

fn execute(url: &str, statement: &'static str) {
    on_database(url, async |mut connection| {
        connection.execute(statement).await
    });
}

fn on_database<T>(url: &str, work: impl AsyncFnOnce(PgConnection) -> sqlx::Result<T>) -> T {
    block_on(async {
        let connection = PgConnection::connect(url).await.expect("Postgres");
        work(connection).await.expect("a statement")
    })
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(work)
}

/// Changes the database's password and then the secret, while call logs are stored: the functions
/// answer `UNAVAILABLE` in between, and go on with the new password without a restart.
fn rotate(url: &str) {
    let role = Role::create(url);
    success(up().env("DATABASE_URL", role.url("one")));
    let before = success(&mut revision());
    let mut writer = Writer::start();
    writer.until("ok", 3);

    // Connections that are open stay open; these are closed, as by a failover.
    execute(url, "ALTER ROLE rotated PASSWORD 'two'");
    execute(
        url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'rotated'",
    );
    writer.until("UNAVAILABLE", 3);

    success(python(PUT_SECRET).env("SECRET", role.url("two")));
    writer.until("ok", 3);
    drop(writer);
    assert_eq!(success(&mut revision()), before, "the function was changed");
    success(&mut up());
}

/// A role that needs its password, unlike the cluster's others.
struct Role<'a>(&'a str);

impl<'a> Role<'a> {
    fn create(url: &'a str) -> Self {
        let role = Self(url);
        execute(url, DROP_ROLE);
        execute(url, "CREATE ROLE passwords");
        // The owner of the tables, and the group for which the server asks for passwords.
        execute(
            url,
            "CREATE ROLE rotated LOGIN PASSWORD 'one' IN ROLE trichrome, passwords",
        );
        let refused = sqlx::postgres::PgPoolOptions::new();
        let wrong = role.url("wrong");
        let refused = block_on(async { refused.connect(&wrong).await });
        refused.expect_err("the server takes any password, so this test would show nothing");
        role
    }

    fn url(&self, password: &str) -> String {
        let (_, place) = self.0.rsplit_once('@').expect("a URL with a role");
        format!("postgres://rotated:{password}@{place}")
    }
}

impl Drop for Role<'_> {
    fn drop(&mut self) {
        execute(self.0, DROP_ROLE);
    }
}

const DROP_ROLE: &str = "DO $$ BEGIN
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'rotated';
    DROP ROLE IF EXISTS rotated;
    DROP ROLE IF EXISTS passwords;
END $$";

/// As a rotation function of Secrets Manager does.
const PUT_SECRET: &str = r#"
client("secretsmanager").put_secret_value(
    SecretId="STACK/database-url", SecretString=os.environ["SECRET"])
"#;

/// Prints what changes with any change of a function's code or configuration.
fn revision() -> Command {
    python(
        r#"
function = client("lambda").get_function_configuration(FunctionName="STACK-analytics-ingest")
print(function["LastModified"], function["Environment"], function["CodeSha256"])
"#,
    )
}

/// Stores call logs, one after the other, until dropped.
struct Writer {
    process: Child,
    outcomes: Lines<BufReader<ChildStdout>>,
}

impl Writer {
    fn start() -> Self {
        let mut command = python(
            r#"
import time, uuid
while True:
    millis = f"{int(time.time() * 1000):012x}"
    id = f"{millis[:8]}-{millis[8:]}-7000-8000-{uuid.uuid4().hex[:12]}"
    entry = {"id": id, "transport": "rest", "service": "auth", "method": "Login"}
    message = {"messageId": "1", "eventSource": "aws:sqs", "body": json.dumps(entry)}
    answer = client("lambda").invoke(
        FunctionName="STACK-analytics-ingest", Payload=json.dumps({"Records": [message]}))
    outcome = json.loads(answer["Payload"].read())
    failed = "FunctionError" in answer or outcome.get("batchItemFailures")
    print(outcome.get("errorType", outcome) if failed else "ok", flush=True)
    time.sleep(0.2)
"#,
        );
        let mut process = command
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python starts");
        let output = process.stdout.take().expect("piped");
        Self {
            process,
            outcomes: BufReader::new(output).lines(),
        }
    }

    /// Waits until this was the outcome of so many calls in a row.
    fn until(&mut self, expected: &str, calls: usize) {
        let deadline = Instant::now() + Duration::from_secs(60);
        let (mut seen, mut row) = (Vec::new(), 0);
        while row < calls {
            let outcome = self.outcomes.next().expect("an outcome").expect("text");
            row = if outcome == expected { row + 1 } else { 0 };
            seen.push(outcome);
            assert!(Instant::now() < deadline, "not {expected}: {seen:?}");
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Puts a call log into the queue of those that could not be stored.
fn dead_letter(outputs: &Value, id: Uuid) -> Command {
    let mut command = python(
        r#"
client("sqs").send_message(QueueUrl=os.environ["QUEUE"], MessageBody=json.dumps(
    {"id": os.environ["ID"], "transport": "rest", "service": "auth", "method": "Login"}))
"#,
    );
    let queue = outputs["CallLogDeadLettersUrl"].as_str().expect("a queue");
    command.env("QUEUE", queue).env("ID", id.to_string());
    command
}

/// Waits until a call log is in the database.
fn is_stored(url: &str, id: Uuid) -> bool {
    let deadline = Instant::now() + Duration::from_secs(60);
    while Instant::now() < deadline {
        let found = on_database(url, async |mut connection| {
            let query = sqlx::query("SELECT FROM calls WHERE id = $1").bind(id);
            query.fetch_optional(&mut connection).await
        });
        if found.is_some() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    false
}

/// Prints the database URL that a function of the stack reads from its source, which is all that its
/// configuration shows.
fn database_url() -> Command {
    python(
        r#"
function = client("lambda").get_function_configuration(FunctionName="STACK-analytics-log")
variables = function["Environment"]["Variables"]
assert not [value for value in variables.values() if "postgres://" in value], variables.keys()
kind, name = variables["DATABASE_URL_SOURCE"].split(":", 1)
assert kind == "aws-secretsmanager", kind
print(client("secretsmanager").get_secret_value(SecretId=name)["SecretString"])
"#,
    )
}

/// Prints the log level of a function of the stack.
fn log_level() -> Command {
    python(
        r#"
function = client("lambda").get_function_configuration(FunctionName="STACK-users-get")
print(function["Environment"]["Variables"]["RUST_LOG"])
"#,
    )
}

/// Puts three objects into the stack's bucket, one of them an old object without a row. Then runs
/// sweeps and prints their results and the remaining objects.
fn sweep(outputs: &Value) -> Command {
    let mut command = python(
        r#"
import time
s3, rows = client("s3"), client("dynamodb")
bucket, table = os.environ["BUCKET"], os.environ["TABLE"]
user = "0190b6a0-0000-7000-8000-00000000000a"
# Version 7 UUIDs contain a time: these are from 2024 and from now.
millis = f"{int(time.time() * 1000):012x}"
ids = {
    "kept": "0190b6a0-0000-7000-8000-000000000001",
    "orphan": "0190b6a0-0000-7000-8000-000000000002",
    "young": f"{millis[:8]}-{millis[8:]}-7000-8000-000000000003",
}
for id in ids.values():
    s3.put_object(Bucket=bucket, Key=f"{user}/{id}", Body=b"a picture")
rows.put_item(TableName=table, Item={"user_id": {"S": user}, "picture_id": {"S": ids["kept"]}})
def sweep(**request):
    answer = client("lambda").invoke(
        FunctionName="STACK-pictures-sweep", Payload=json.dumps(request))
    swept = json.loads(answer["Payload"].read())
    there = {it["Key"] for it in s3.list_objects_v2(Bucket=bucket).get("Contents", [])}
    left = [name for name, id in ids.items() if f"{user}/{id}" in there]
    return {**swept, "error": answer.get("FunctionError"), "left": left}
print(json.dumps({"refused": sweep(), "dry": sweep(dry_run=True), "forced": sweep(force=True)}))
"#,
    );
    for (variable, output) in [("BUCKET", "PicturesBucket"), ("TABLE", "PicturesTable")] {
        command.env(variable, outputs[output].as_str().expect(output));
    }
    command
}

/// Lists all resources with the stack's name.
fn leftovers() -> Command {
    python(
        r#"
found = client("dynamodb").list_tables()["TableNames"]
found += [bucket["Name"] for bucket in client("s3").list_buckets()["Buckets"]]
found += [it["FunctionName"] for it in client("lambda").list_functions()["Functions"]]
found += [it["RoleName"] for it in client("iam").list_roles()["Roles"]]
found += [it["PolicyName"] for it in client("iam").list_policies(Scope="Local")["Policies"]]
found += [it["Name"] for it in client("secretsmanager").list_secrets()["SecretList"]]
found += client("sqs").list_queues().get("QueueUrls", [])
found += [it["logGroupName"] for it in client("logs").describe_log_groups()["logGroups"]]
found += [it["name"] for it in client("apigateway").get_rest_apis()["items"]]
found += [it["Name"] for it in client("events").list_rules()["Rules"]]
found += [it["StackName"] for it in client("cloudformation").describe_stacks()["Stacks"]
          if it["StackStatus"] != "DELETE_COMPLETE"]
print(json.dumps([name for name in found if "STACK" in name]))
"#,
    )
}

/// A Python program with a client of the local AWS. `STACK` is replaced by the stack's name.
fn python(program: &str) -> Command {
    const CLIENT: &str = r#"
import json, os, botocore.session
session = botocore.session.get_session()
client = lambda service: session.create_client(
    service, region_name="us-east-1", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
"#;
    let deploy = deploy("unused");
    let mut python = Command::new(deploy.get_program());
    let text = format!("{CLIENT}{program}").replace("STACK", STACK);
    python.arg("-c").arg(text).envs(
        deploy
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    python
}
