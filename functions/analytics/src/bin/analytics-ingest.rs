//! Takes call logs from Kafka into Postgres, a batch at a time.

use std::process::ExitCode;

use trichrome_analytics::{Analytics, Error, kafka};
use trichrome_runtime::{BatchFunction, Env};

struct Ingest(Analytics);

impl BatchFunction for Ingest {
    const NAME: &'static str = "analytics-ingest";
    type Event = kafka::Event;
    type Output = kafka::Answer;
    type Error = Error;

    fn build(env: &mut Env) -> Self {
        Self(Analytics::from_env(env))
    }

    async fn call(&self, event: kafka::Event) -> Result<kafka::Answer, Error> {
        Ok(self.0.ingest(event.into_records()).await?.into())
    }
}

fn main() -> ExitCode {
    trichrome_runtime::run_batch::<Ingest>()
}
