//! The call logs' tables with a hundred million calls: how long totals, pages and writes take.

use std::{fs, path::Path, process::Command, time::Duration};

use anyhow::{Result, bail};

use super::{Checks, Need, Part, cache, checks, server::Server};
use crate::{
    builds, port,
    progress::say,
    stack::{Cluster, Stack},
    workspace::local,
};

pub(super) static PART: Part = Part {
    name: "growth",
    about: "call logs' tables: migration, deliveries, upkeep, and totals over 100 million calls",
    needs: &[&Disk { gigabytes: 12 }],
    run,
};

const NAME: &str = "verify-growth";

/// The tests' executables: of the tables, and of their growth.
const TABLES: &str = "calls";
const GROWTH: &str = "growth";

const START_TIMEOUT: Duration = Duration::from_secs(60);

/// Room for ten million calls, their indexes and the write-ahead log.
struct Disk {
    gigabytes: u64,
}

impl Need for Disk {
    fn lacks(&self) -> Result<Option<String>> {
        cache::lacks_disk(self.gigabytes)
    }
}

fn run(checks: &mut Checks) -> Result<()> {
    let Some(_lock) = Stack::lock(NAME)? else {
        bail!("`cargo xtask verify` is already running in this clone");
    };
    let state = local().join(NAME);
    fs::create_dir_all(&state)?;
    Cluster::wipe(&state)?;
    let outcome = measure(checks, &state);
    Cluster::wipe(&state)?;
    outcome
}

fn measure(checks: &mut Checks, state: &Path) -> Result<()> {
    let cluster = Cluster::open(state, &checks::logs()?)?;
    let port = port::free()?;
    let mut server = Server::begin("postgres", &mut cluster.server(port))?;
    server.wait(START_TIMEOUT, |_| Ok(cluster.is_ready(port)))?;
    cluster.ensure_database(port)?;
    let tests = builds::with_test(&[TABLES, GROWTH])?;
    let test = |target: &str| -> Result<Command> {
        let mut test = builds::find(&tests, "functions/analytics", target)?.command();
        test.args(["--ignored", "--nocapture"])
            .env("TRICHROME_POSTGRES", Cluster::url(port))
            .env("TRICHROME_POSTGRES_LOG", &server.log);
        Ok(test)
    };
    checks.accepts("the table of calls and its sums", &mut test(TABLES)?)?;
    let check = "100 million calls";
    checks.accepts(check, &mut test(GROWTH)?)?;
    say(fs::read_to_string(checks::log(check)?)?);
    Ok(())
}
