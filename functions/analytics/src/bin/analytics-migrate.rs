//! `analytics-migrate`: migrates the database when a stack is deployed.
//!
//! CloudFormation invokes it as a custom resource, waits for the response, and rolls the
//! deployment back if it reports a failure.

use std::{process::ExitCode, time::Duration};

use tokio::time::Instant;
use trichrome_analytics::{
    Database,
    cloudformation::{Event, RequestType, Response},
    schema::migrate_database,
    upkeep::{Retention, upkeep},
};
use trichrome_proto::error::{ErrorCode, Fault};
use trichrome_runtime::{Env, EventFunction};
use trichrome_startup::error_chain;

/// A new cluster may refuse connections for a while, and a large index takes minutes. Lambda
/// ends a function after 15, and the response must be sent before.
const TIMEOUT: Duration = Duration::from_secs(13 * 60);
/// How long the first upkeep may take after the migrations, so that the deployment goes on. The
/// scheduled one continues.
const UPKEEP: Duration = Duration::from_secs(20);

struct Migrate {
    database: Database,
    retention: Retention,
}

/// The response could not be sent.
#[derive(Debug, thiserror::Error)]
#[error("could not send the response to CloudFormation")]
struct NotSent(#[source] ureq::Error);

impl Fault for NotSent {
    fn code(&self) -> ErrorCode {
        ErrorCode::Unavailable
    }
}

impl EventFunction for Migrate {
    const NAME: &'static str = "analytics-migrate";
    const TRIGGER: &'static str = "other";
    type Event = Event;
    type Output = ();
    type Error = NotSent;

    fn build(env: &mut Env) -> Self {
        Self {
            database: Database::from_env(env),
            retention: Retention::read(env.variables()),
        }
    }

    /// A failed migration is reported in the response. The invocation succeeds, because Lambda
    /// would repeat a failed one, and CloudFormation only waits for the response.
    async fn call(&self, event: Event) -> Result<(), NotSent> {
        let outcome = match event.request_type {
            RequestType::Create | RequestType::Update => self.migrate().await,
            // The call logs outlive the stack.
            RequestType::Delete => Ok(()),
        };
        let response = Response::new(&event, outcome);
        let url = event.response_url;
        tokio::task::spawn_blocking(move || response.put(&url))
            .await
            .unwrap_or_else(|error| Err(ureq::Error::Io(std::io::Error::other(error))))
            .map_err(NotSent)
    }
}

impl Migrate {
    /// Runs the migrations, and an upkeep. The error is shown by CloudFormation; it contains the
    /// database's message and no password.
    async fn migrate(&self) -> Result<(), String> {
        match tokio::time::timeout(TIMEOUT, migrate_database(&self.database)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                return Err(format!("the migrations failed: {}", error_chain(&error)));
            }
            Err(_) => return Err("the migrations did not end in time".to_owned()),
        }
        // Functions work without it, and the scheduled one has an alarm.
        match upkeep(&self.database, self.retention, Instant::now() + UPKEEP).await {
            Ok(done) => tracing::info!(?done, "upkeep of the call logs"),
            Err(error) => tracing::warn!(error = %error_chain(&error), "no upkeep yet"),
        }
        Ok(())
    }
}

fn main() -> ExitCode {
    trichrome_runtime::run_events::<Migrate>()
}
