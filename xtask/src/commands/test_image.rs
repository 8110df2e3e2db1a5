//! `cargo xtask test-image`: the gateway's image, built and held against the end-to-end
//! tests. Not a part of `cargo xtask test`: it builds the gateway anew, optimised.

use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;

use super::end_to_end::{END_TO_END, ON_A_STACK, logs, watched};
use crate::{
    builds,
    docker::{Engine, Image, Unavailable},
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
    /// Take the image as it was last built
    #[arg(long, conflicts_with = "build")]
    built: bool,
    /// Only tests whose name holds this
    filter: Option<String>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let started = Instant::now();
    let image = match Engine::find()? {
        Ok(engine) if options.built => Ok(Image::built(engine)?),
        Ok(engine) => Image::build(engine)?,
        Err(unavailable) => Err(unavailable),
    };
    let image = match image {
        Ok(image) => image,
        Err(Unavailable(why)) => {
            say(format!("SKIPPED: the image was not tested: {why}"));
            return Ok(());
        }
    };
    if options.build {
        return Ok(());
    }
    let Some(lock) = Stack::lock("image")? else {
        bail!("the image is being tested already, in this clone");
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
            let run = TestRun::begin(program, filter, Some(&description), &logs)?;
            counts += watched(&mut supervisor, run)?;
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
