//! The upgrade from version 0.1: its data, its tokens, and programs of both versions side by side.

mod mixes;
mod release;

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use mixes::{Mix, OLD_FUNCTIONS, OLD_GATEWAY};
use release::{History, ORIGINALS, Release, STACK};

use super::{Checks, Part, checks};
use crate::{
    builds::{self, TestBinary},
    commands::end_to_end::{END_TO_END, UPGRADE, supervise},
    deploy, interrupt,
    progress::say,
    stack::{Ports, Stack, Supervisor},
    test_run::TestRun,
    tools,
};

pub(super) static PART: Part = Part {
    name: "upgrade",
    about: "the upgrade from version 0.1: its data, and both versions side by side",
    needs: &[&History],
    run,
};

/// How long calls run before, between and after the replacements.
const CALLS: Duration = Duration::from_secs(6);

/// Functions that read pictures. Those of version 0.1 don't find the objects of pictures that later
/// versions store, so they are replaced before those that store them, as `template.yaml` has it.
const READERS: [&str; 4] = [
    "pictures-delete",
    "pictures-get",
    "pictures-list",
    "users-delete",
];

type Programs = BTreeMap<String, PathBuf>;

fn run(checks: &mut Checks) -> Result<()> {
    let old = Release::get()?;
    tools::install()?;
    let tests = builds::with_test(&[UPGRADE])?;
    let tests = builds::find(&tests, END_TO_END, UPGRADE)?;
    seed(checks, &old, tests)?;

    say("This version on the data of version 0.1");
    let Some(lock) = Stack::lock(STACK)? else {
        bail!("version 0.1 is still running");
    };
    let stack = Stack::new(STACK, Ports::free()?, lock)?.with_two_versions();
    let mut upgrade = Upgrade {
        supervisor: Supervisor::start(stack)?,
        checks,
        tests,
    };
    upgrade.step("survived")?;
    deploy::backfill(&upgrade.supervisor.stack().description(), &[])?;
    upgrade.step("backfilled")?;

    let (gateway, functions) = (old.gateway()?, old.functions()?);
    let all: Programs = gateway.iter().chain(&functions).map(owned).collect();
    say("A rolling update: the gateway, then the functions");
    upgrade.replace(&all, &all)?;
    upgrade.roll(&[(&functions, &gateway), (&Programs::new(), &functions)])?;
    say("A rolling update: the functions, then the gateway");
    upgrade.replace(&all, &all)?;
    upgrade.roll(&[(&gateway, &functions), (&Programs::new(), &gateway)])?;

    say("Gateways of both versions");
    upgrade.replace(&gateway, &gateway)?;
    upgrade.step("replicas")?;

    say("The scenarios of version 0.1 with its gateway and new functions");
    upgrade.scenarios(&old, &OLD_GATEWAY)?;
    say("The scenarios of version 0.1 with its functions and a new gateway");
    upgrade.replace(&functions, &all)?;
    upgrade.scenarios(&old, &OLD_FUNCTIONS)
}

fn owned((name, path): (&String, &PathBuf)) -> (String, PathBuf) {
    (name.clone(), path.clone())
}

/// Stores data on a stack of version 0.1.
fn seed(checks: &mut Checks, old: &Release, tests: &TestBinary) -> Result<()> {
    let Some(lock) = Stack::lock(STACK)? else {
        bail!("`cargo xtask verify` is already running in this clone");
    };
    Stack::wipe(STACK, &lock)?;
    // It takes the lock itself.
    drop(lock);
    let up = old.up()?;
    let description = up.describe()?;
    let logs = checks::logs()?;
    for step in ["seed", "leave_a_command"] {
        let run = TestRun::begin_with(tests, &[], Some(step), &description, &logs)?;
        checks.add(run.wait()?);
        // The next step's command is to wait.
        if step == "seed" {
            up.stop_gateway()?;
        }
    }
    Ok(())
}

/// The stack on the old data.
struct Upgrade<'a> {
    supervisor: Supervisor,
    checks: &'a mut Checks,
    /// The steps.
    tests: &'a TestBinary,
}

impl Upgrade<'_> {
    fn description(&self) -> PathBuf {
        self.supervisor.stack().state.join("stack.json")
    }

    /// Runs a step of the tests.
    fn step(&mut self, name: &str) -> Result<()> {
        let logs = checks::logs()?;
        let description = self.description();
        let run = TestRun::begin_with(self.tests, &[], Some(name), &description, &logs)?;
        let counts = supervise(&mut self.supervisor, run)?;
        self.checks.add(counts);
        Ok(())
    }

    /// Starts those of `changed` again, with these programs in place of the workspace's.
    fn replace(&mut self, programs: &Programs, changed: &Programs) -> Result<()> {
        self.supervisor.use_programs(programs.clone());
        let (first, rest): (Vec<_>, Vec<_>) = changed
            .keys()
            .partition(|name| READERS.contains(&name.as_str()));
        for name in first.into_iter().chain(rest) {
            self.supervisor.restart(name)?;
        }
        Ok(())
    }

    /// Runs the end-to-end tests of version 0.1, as its clients would call.
    fn scenarios(&mut self, old: &Release, mix: &Mix) -> Result<()> {
        say(format!("Left out:\n{}", mix.reasons()));
        let skipped = mix.skipped(&TestRun::names(&old.scenarios)?)?;
        let arguments = skipped.iter().flat_map(|test| ["--skip", test]);
        let logs = checks::logs()?.join(mix.name);
        fs::create_dir_all(&logs)?;
        let description = self.description();
        let variables = [(ORIGINALS, mix.originals)];
        let tests = &old.scenarios;
        let run = TestRun::begin_with(tests, &variables, arguments, &description, &logs)?;
        let counts = supervise(&mut self.supervisor, run)?;
        self.checks.add(counts);
        Ok(())
    }

    /// Replaces programs while calls run.
    fn roll(&mut self, replacements: &[(&Programs, &Programs)]) -> Result<()> {
        let stop = self.supervisor.stack().state.join("traffic-stop");
        let _ = fs::remove_file(&stop);
        let logs = checks::logs()?;
        let description = self.description();
        let traffic = Some("traffic");
        let mut run = TestRun::begin_with(self.tests, &[], traffic, &description, &logs)?;
        self.supervisor.note_tests(run.id())?;
        self.calls(&mut run)?;
        for (programs, changed) in replacements {
            self.replace(programs, changed)?;
            self.calls(&mut run)?;
        }
        fs::write(&stop, "")?;
        let counts = supervise(&mut self.supervisor, run)?;
        self.checks.add(counts);
        Ok(())
    }

    /// Lets calls run for a while.
    fn calls(&mut self, run: &mut TestRun) -> Result<()> {
        let started = Instant::now();
        self.supervisor
            .watch(|| run.poll().is_some() || started.elapsed() > CALLS)?;
        interrupt::check()
    }
}
