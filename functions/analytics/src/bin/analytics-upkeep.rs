//! `analytics-upkeep`: creates the partitions of the call logs' next days, drops old ones, and keeps
//! the sums complete, on an hourly schedule.

use std::{process::ExitCode, time::Duration};

use serde::Deserialize;
use tokio::time::Instant;
use trichrome_analytics::{
    Database,
    upkeep::{Retention, Upkeep, UpkeepError, upkeep},
};
use trichrome_runtime::{Env, EventFunction};

/// Lambda ends a function after 15 minutes. The next upkeep continues.
const TIMEOUT: Duration = Duration::from_secs(14 * 60);

struct Scheduled {
    database: Database,
    retention: Retention,
}

/// The schedule's event, of which nothing is needed.
#[derive(Debug, Deserialize)]
struct Event {}

impl EventFunction for Scheduled {
    const NAME: &'static str = "analytics-upkeep";
    const TRIGGER: &'static str = "timer";
    type Event = Event;
    type Output = Upkeep;
    type Error = UpkeepError;

    fn build(env: &mut Env) -> Self {
        Self {
            database: Database::from_env(env),
            retention: Retention::read(env.variables()),
        }
    }

    async fn call(&self, _: Event) -> Result<Upkeep, UpkeepError> {
        let deadline = Instant::now() + TIMEOUT;
        let done = upkeep(&self.database, self.retention, deadline).await?;
        tracing::info!(?done, "upkeep of the call logs");
        Ok(done)
    }
}

fn main() -> ExitCode {
    trichrome_runtime::run_events::<Scheduled>()
}
