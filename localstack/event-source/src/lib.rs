//! Lambda's event source for SQS, for functions that run under `cargo lambda watch`.
//!
//! It receives messages of a queue, invokes a function with AWS's SQS event, and deletes the
//! messages that were handled. A mapping on AWS needs `ReportBatchItemFailures` to behave like this.
//! Unlike AWS, it doesn't wait for the queue's visibility timeout before it delivers a message again:
//! a stack on one machine recovers faster. A message that failed comes again after a short pause,
//! and one whose event source was killed within a minute.
//!
//! While a function can't be invoked, its messages wait here and aren't counted as received again,
//! so an outage of the functions moves none to the dead-letter queue.

mod batch;
mod mapping;
mod worker;

use std::time::Duration;

use aws_sdk_lambda::config::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use tokio::sync::watch;
use trichrome_aws::Clients;
use trichrome_startup::{InvalidEnvironment, Variables};

pub use mapping::{InvalidMapping, Mapping};
use worker::Worker;

/// Batches of one queue that are handled at the same time.
const CONCURRENCY: usize = 2;

/// Time allowed for a request to SQS: longer than a long poll (20 s).
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Time allowed for an invocation: longer than the 900 s after which the Invoke API itself answers
/// that the function timed out.
const INVOCATION_TIMEOUT: Duration = Duration::from_secs(910);

/// The clients of SQS and Lambda.
#[derive(Clone, Debug)]
pub struct Services {
    sqs: aws_sdk_sqs::Client,
    lambda: aws_sdk_lambda::Client,
}

impl Services {
    /// Reads the functions' variables: `AWS_REGION`, the credentials, `AWS_ENDPOINT_URL` and
    /// `AWS_ENDPOINT_URL_LAMBDA`.
    ///
    /// # Errors
    ///
    /// Every variable that is missing or invalid.
    pub fn from_variables(mut variables: Variables<'_>) -> Result<Self, InvalidEnvironment> {
        let clients = Clients::from_variables(&mut variables);
        let config = |service, timeout| patient(&clients.config(service, &variables), timeout);
        let services = Self::new(
            &config("sqs", REQUEST_TIMEOUT),
            &config("lambda", INVOCATION_TIMEOUT),
        );
        variables.check()?;
        Ok(services)
    }

    fn new(sqs: &SdkConfig, lambda: &SdkConfig) -> Self {
        Self {
            sqs: aws_sdk_sqs::Client::new(sqs),
            lambda: aws_sdk_lambda::Client::new(lambda),
        }
    }
}

/// Without retries: an invocation isn't repeated at once, and workers pause after a failure.
fn patient(config: &SdkConfig, timeout: Duration) -> SdkConfig {
    config
        .to_builder()
        .retry_config(RetryConfig::disabled())
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(Duration::from_secs(1))
                .operation_timeout(timeout)
                .build(),
        )
        .build()
}

/// Serves the mappings until `stop` changes, and then finishes the batches in progress.
pub async fn serve(services: &Services, mappings: Vec<Mapping>, stop: watch::Receiver<bool>) {
    let mut workers = tokio::task::JoinSet::new();
    for mapping in mappings {
        for _ in 0..CONCURRENCY {
            let worker = Worker::new(services.clone(), mapping.clone());
            let stop = stop.clone();
            workers.spawn(async move { worker.serve(stop).await });
        }
    }
    workers.join_all().await;
}
