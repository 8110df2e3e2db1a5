//! Removes what uploads left behind that broke off: once a week, by a schedule.

use std::{process::ExitCode, time::Duration};

use serde::de::IgnoredAny;
use tokio::time::Instant;
use trichrome_pictures::{Error, PictureStore, Swept};
use trichrome_runtime::{Env, EventFunction};

/// Lambda ends a function after 15 minutes. The next sweep begins anew, so a bucket of many
/// million pictures wants its inventory looked through instead.
const TIMEOUT: Duration = Duration::from_secs(14 * 60);

struct Sweep(PictureStore);

impl EventFunction for Sweep {
    const NAME: &'static str = "pictures-sweep";
    const TRIGGER: &'static str = "timer";
    /// The schedule says nothing that matters.
    type Event = IgnoredAny;
    type Output = Swept;
    type Error = Error;

    fn build(env: &mut Env) -> Self {
        Self(PictureStore::from_env(env))
    }

    async fn call(&self, _: IgnoredAny) -> Result<Swept, Error> {
        let swept = self.0.sweep(Instant::now() + TIMEOUT).await?;
        if swept.complete {
            tracing::info!(?swept, "swept");
        } else {
            tracing::warn!(?swept, "the time was up before all objects were looked at");
        }
        Ok(swept)
    }
}

fn main() -> ExitCode {
    trichrome_runtime::run_events::<Sweep>()
}
