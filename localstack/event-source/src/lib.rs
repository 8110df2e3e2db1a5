//! Lambda's event source for SQS, for functions that run under `cargo lambda watch`.
//!
//! It receives messages of a queue, invokes a function with AWS's SQS event, and deletes the
//! messages that were handled. A mapping on AWS needs `ReportBatchItemFailures` to behave like this.
//! Unlike AWS, it doesn't wait for the visibility timeout before it delivers a failed message again:
//! a stack on one machine recovers faster.

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

/// Time allowed for a request: longer than a long poll (20 s), and than a function may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

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
        let config = |service| patient(&clients.config(service, &variables));
        let services = Self::new(&config("sqs"), &config("lambda"));
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
fn patient(config: &SdkConfig) -> SdkConfig {
    config
        .to_builder()
        .retry_config(RetryConfig::disabled())
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(Duration::from_secs(1))
                .operation_timeout(REQUEST_TIMEOUT)
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
