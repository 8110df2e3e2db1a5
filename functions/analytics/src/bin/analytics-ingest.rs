//! `analytics-ingest`: stores call logs from Kafka and SQS in Postgres, batch by batch.

use std::process::ExitCode;

use trichrome_analytics::{Analytics, Error, batch};
use trichrome_runtime::{Env, EventFunction};

struct Ingest(Analytics);

impl EventFunction for Ingest {
    const NAME: &'static str = "analytics-ingest";
    const TRIGGER: &'static str = "pubsub";
    type Event = batch::Event;
    type Output = batch::Response;
    type Error = Error;

    fn build(env: &mut Env) -> Self {
        Self(Analytics::from_env(env))
    }

    async fn call(&self, event: batch::Event) -> Result<batch::Response, Error> {
        Ok(self.0.ingest(event.into_records()).await?.into())
    }
}

fn main() -> ExitCode {
    trichrome_runtime::run_events::<Ingest>()
}
