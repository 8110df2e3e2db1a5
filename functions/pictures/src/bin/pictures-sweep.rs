//! `pictures-sweep`: deletes the objects of interrupted uploads, on a weekly schedule.

use std::{process::ExitCode, time::Duration};

use serde::de::IgnoredAny;
use tokio::time::Instant;
use trichrome_pictures::{Error, PictureStore, Swept};
use trichrome_runtime::{Env, EventFunction};

/// Lambda ends a function after 15 minutes. The next sweep starts from the beginning, so for a
/// bucket with many millions of pictures S3 Inventory would be better.
const TIMEOUT: Duration = Duration::from_secs(14 * 60);

struct Sweep(PictureStore);

impl EventFunction for Sweep {
    const NAME: &'static str = "pictures-sweep";
    const TRIGGER: &'static str = "timer";
    /// The schedule's event has nothing of interest.
    type Event = IgnoredAny;
    type Output = Swept;
    type Error = Error;

    fn build(env: &mut Env) -> Self {
        Self(PictureStore::from_env(env))
    }

    async fn call(&self, _: IgnoredAny) -> Result<Swept, Error> {
        let swept = self.0.sweep(Instant::now() + TIMEOUT).await?;
        if swept.complete {
            tracing::info!(?swept, "the sweep is complete");
        } else {
            tracing::warn!(
                ?swept,
                "the sweep ran out of time before all objects were checked"
            );
        }
        Ok(swept)
    }
}

fn main() -> ExitCode {
    trichrome_runtime::run_events::<Sweep>()
}
