//! Kafka clients in other languages, on a stack with each broker.

use std::{collections::BTreeMap, process::Command};

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use super::{Checks, Need, Part, checks};
use crate::{
    builds,
    commands::end_to_end::{END_TO_END, KAFKA_CLIENTS as TESTS, supervise},
    progress::say,
    stack::{Ports, Stack, Supervisor},
    test_run::TestRun,
    tools::{self, ApacheKafka, KAFKA_CLIENTS, kcat, node::KAFKAJS},
    workspace::root,
};

pub(super) static PART: Part = Part {
    name: "kafka-clients",
    about: "kafka-python, aiokafka, kafkajs, the Java client and kcat, on both brokers",
    needs: &[&Java],
    run,
};

/// The variable with the clients' commands.
const VARIABLE: &str = "TRICHROME_KAFKA_CLIENTS";

/// Apache Kafka needs Java; its client's program is compiled when it starts.
struct Java;

impl Need for Java {
    fn lacks(&self) -> Result<Option<String>> {
        let apache = match ApacheKafka::find() {
            Ok(apache) => apache,
            Err(problem) => return Ok(Some(format!("{problem:#}"))),
        };
        let modules = apache.java().arg("--list-modules").output()?;
        let has_compiler = String::from_utf8_lossy(&modules.stdout).contains("jdk.compiler@");
        Ok((!has_compiler).then(|| {
            "no Java compiler (on Debian: apt-get install openjdk-17-jdk-headless)".to_owned()
        }))
    }
}

fn run(checks: &mut Checks) -> Result<()> {
    let apache = ApacheKafka::find()?;
    apache.install()?;
    let clients = json!(clients(&apache)?).to_string();
    tools::install()?;
    let tests = builds::with_test(&[TESTS])?;
    let tests = builds::find(&tests, END_TO_END, TESTS)?;
    for broker in ["apache", "embedded"] {
        let name = format!("verify-clients-{broker}");
        let Some(lock) = Stack::lock(&name)? else {
            bail!("`cargo xtask verify` is already running in this clone");
        };
        Stack::wipe(&name, &lock)?;
        let mut stack = Stack::new(&name, Ports::free()?, lock)?;
        if broker == "apache" {
            stack = stack.with_apache(apache.clone(), false)?;
        }
        say(format!("Kafka clients on the broker {broker}"));
        let mut supervisor = Supervisor::start(stack)?;
        let description = supervisor.stack().state.join("stack.json");
        let variables = [(VARIABLE, clients.as_str())];
        let run = TestRun::begin_with(tests, &variables, None, &description, &checks::logs()?)?;
        checks.add(supervise(&mut supervisor, run)?);
    }
    Ok(())
}

/// Installs the clients; their commands by name. Tests of one that can't be installed are ignored.
fn clients(apache: &ApacheKafka) -> Result<BTreeMap<&'static str, Vec<String>>> {
    let programs = root().join("tests/clients");
    let program = |name: &str| programs.join(name).display().to_string();
    let command = |mut command: Command, name: &str| -> Result<Vec<String>> {
        command.arg(program(name));
        [command.get_program()]
            .into_iter()
            .chain(command.get_args())
            .map(|part| Ok(part.to_str().context("a path isn't UTF-8")?.to_owned()))
            .collect()
    };
    KAFKA_CLIENTS.install()?;
    KAFKAJS.install()?;
    let python = || KAFKA_CLIENTS.program("python");
    let mut clients = BTreeMap::from([
        ("kafka-python", command(python(), "kafka_python.py")?),
        ("aiokafka", command(python(), "aiokafka_client.py")?),
        ("kafkajs", command(Command::new("node"), "kafkajs.mjs")?),
        ("java", command(apache.java_with_jars(), "JavaClient.java")?),
    ]);
    match kcat::command() {
        Ok(kcat) => drop(clients.insert("kcat", kcat)),
        Err(problem) => say(format!("- kcat: {problem:#}")),
    }
    Ok(clients)
}
