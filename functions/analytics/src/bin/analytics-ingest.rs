//! `analytics-ingest`: stores call logs from Kafka in Postgres, batch by batch.

use std::process::ExitCode;

use trichrome_analytics::{Analytics, Error, kafka};
use trichrome_runtime::{Env, EventFunction};

struct Ingest(Analytics);

impl EventFunction for Ingest {
    const NAME: &'static str = "analytics-ingest";
    const TRIGGER: &'static str = "pubsub";
    type Event = kafka::Event;
    type Output = kafka::Response;
    type Error = Error;

    fn build(env: &mut Env) -> Self {
        Self(Analytics::from_env(env))
    }

    async fn call(&self, event: kafka::Event) -> Result<kafka::Response, Error> {
        Ok(self.0.ingest(event.into_records()).await?.into())
    }
}

fn main() -> ExitCode {
    trichrome_runtime::run_events::<Ingest>()
}
