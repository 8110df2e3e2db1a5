//! `cargo xtask test-image`: the end-to-end tests through the gateway's container image. Not
//! part of `cargo xtask test`, since it builds an optimised gateway.

use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;

use super::end_to_end::{END_TO_END, ON_A_STACK, logs, supervise};
use crate::{
    builds,
    docker_image::{Image, has_docker},
    observe::Observe,
    progress::say,
    stack::{self, Ports, Stack, Supervisor},
    test_run::{Counts, TestRun},
};

#[derive(Args)]
pub(crate) struct Options {
    /// Only build the image
    #[arg(long)]
    build: bool,
    /// Use the image of the last build
    #[arg(long, conflicts_with = "build")]
    built: bool,
    /// Only run tests whose name contains this
    filter: Option<String>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let started = Instant::now();
    if !has_docker() {
        say("SKIPPED: the image was not tested, since no Docker engine answers");
        return Ok(());
    }
    let image = if options.built {
        Image::built()?
    } else {
        Image::build()?
    };
    if options.build {
        return Ok(());
    }
    let Some(lock) = Stack::lock("image")? else {
        bail!("another process of this clone is testing the image");
    };
    Observe::install()?;
    let tests = stack::set_up(builds::with_tests)?;
    Stack::wipe("image", &lock)?;
    let stack = Stack::new("image", Ports::free()?, lock)?
        .with_image(image)
        .with_observe(Some(Observe::for_tests()?));
    let logs_folder = stack.logs.clone();
    let mut supervisor = Supervisor::start(stack)?;
    let mut counts = Counts::default();
    let outcome = (|| {
        let logs = logs()?;
        let description = supervisor.stack().state.join("stack.json");
        for target in ON_A_STACK {
            let program = builds::find(&tests, END_TO_END, target)?;
            let filter = options.filter.as_deref();
            let run = TestRun::begin(program, filter, &description, &logs)?;
            counts += supervise(&mut supervisor, run)?;
        }
        let image = supervisor.stack().image().context("no image")?;
        image.check_running()?;
        image.check_stop()
    })();
    drop(supervisor);
    outcome.with_context(|| format!("the stack's logs: {}", logs_folder.display()))?;
    let seconds = started.elapsed().as_secs();
    say(format!(
        "{} tests passed through the container, {} failed, in {}:{:02} min",
        counts.passed,
        counts.failed,
        seconds / 60,
        seconds % 60
    ));
    ensure!(counts.failed == 0, "{} tests failed", counts.failed);
    Ok(())
}
