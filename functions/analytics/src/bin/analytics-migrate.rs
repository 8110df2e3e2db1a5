//! `analytics-migrate`: brings the database's schema to this version when a stack is deployed.
//!
//! CloudFormation invokes it as a custom resource, waits for the answer, and rolls the
//! deployment back if that says so.

use std::{process::ExitCode, time::Duration};

use trichrome_analytics::{
    Database,
    cloudformation::{Answer, Event, RequestType},
    schema::migrate_database,
};
use trichrome_proto::error::{ErrorCode, Fault};
use trichrome_runtime::{Env, EventFunction};

/// A cluster that has just been made may refuse connections for a while, and a large index
/// takes minutes; Lambda ends a function after 15, and CloudFormation has to be told before.
const TIMEOUT: Duration = Duration::from_secs(14 * 60);

struct Migrate(Database);

/// Why CloudFormation was not told how it went.
#[derive(Debug, thiserror::Error)]
#[error("the answer could not be given")]
struct Unanswered(#[source] ureq::Error);

impl Fault for Unanswered {
    fn code(&self) -> ErrorCode {
        ErrorCode::Unavailable
    }
}

impl EventFunction for Migrate {
    const NAME: &'static str = "analytics-migrate";
    const TRIGGER: &'static str = "other";
    type Event = Event;
    type Output = ();
    type Error = Unanswered;

    fn build(env: &mut Env) -> Self {
        Self(Database::from_env(env))
    }

    /// A failed migration is an answer, and no failure of the call: an asynchronous call that
    /// fails is made again, and CloudFormation waits for the answer alone.
    async fn call(&self, event: Event) -> Result<(), Unanswered> {
        let outcome = match event.request_type {
            RequestType::Create | RequestType::Update => run(&self.0).await,
            // The call logs outlive the stack.
            RequestType::Delete => Ok(()),
        };
        let answer = Answer::to(&event, outcome);
        let url = event.response_url;
        tokio::task::spawn_blocking(move || answer.put(&url))
            .await
            .unwrap_or_else(|error| Err(ureq::Error::Io(std::io::Error::other(error))))
            .map_err(Unanswered)
    }
}

/// The error is for whoever deploys: it holds what Postgres said, and no password.
async fn run(database: &Database) -> Result<(), String> {
    match tokio::time::timeout(TIMEOUT, migrate_database(database)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(format!("the migrations failed: {error}")),
        Err(_) => Err("the migrations did not end in time".to_owned()),
    }
}

fn main() -> ExitCode {
    trichrome_runtime::run_events::<Migrate>()
}
