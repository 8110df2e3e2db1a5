//! `pictures-sweep`: deletes the objects of interrupted and abandoned uploads, on a daily schedule.

use std::{process::ExitCode, time::Duration};

use serde::Deserialize;
use tokio::time::Instant;
use trichrome_pictures::{Error, Fuse, Mode, PictureStore, Swept};
use trichrome_runtime::{Env, EventFunction};

/// Lambda ends a function after 15 minutes. The next sweep starts from the beginning, so for a
/// bucket with many millions of pictures S3 Inventory would be better.
const TIMEOUT: Duration = Duration::from_secs(14 * 60);

/// The default of `SWEEP_MAX_PERCENT`.
const MAX_PERCENT: f64 = 10.0;

struct Sweep {
    pictures: PictureStore,
    fuse: Fuse,
}

/// An operator's request. The schedule's event has neither field.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Request {
    /// Only count, and say whether a sweep would be refused.
    dry_run: bool,
    /// Delete even what the fuse refuses to.
    force: bool,
}

impl EventFunction for Sweep {
    const NAME: &'static str = "pictures-sweep";
    const TRIGGER: &'static str = "timer";
    type Event = Request;
    type Output = Swept;
    type Error = Error;

    fn build(env: &mut Env) -> Self {
        let percent =
            env.variables()
                .optional_with("SWEEP_MAX_PERCENT", "a number from 0 to 100", |text| {
                    text.parse().ok().filter(|it| (0.0..=100.0).contains(it))
                });
        Self {
            pictures: PictureStore::from_env(env),
            fuse: Fuse::new(percent.unwrap_or(MAX_PERCENT)),
        }
    }

    async fn call(&self, request: Request) -> Result<Swept, Error> {
        let mode = match request {
            Request { dry_run: true, .. } => Mode::DryRun,
            Request { force: true, .. } => Mode::Forced,
            Request { .. } => Mode::Guarded,
        };
        let deadline = Instant::now() + TIMEOUT;
        let swept = self.pictures.sweep(self.fuse, mode, deadline).await?;
        if swept.complete {
            tracing::info!(?swept, "the sweep is complete");
        } else {
            tracing::warn!(
                ?swept,
                "the sweep ran out of time, or found too many objects to delete at once"
            );
        }
        Ok(swept)
    }
}

fn main() -> ExitCode {
    trichrome_runtime::run_events::<Sweep>()
}
