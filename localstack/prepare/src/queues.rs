//! The queues of call logs and of new pictures, each with one for messages that could not be handled.

use anyhow::Context as _;
use aws_config::SdkConfig;
use aws_sdk_sqs::{Client, types::QueueAttributeName};
use serde_json::json;

/// How long messages are kept, in seconds: 14 days, the most that SQS allows.
const RETENTION: u32 = 14 * 24 * 60 * 60;

/// How a queue delivers its messages, as in `template.yaml`.
#[derive(Clone, Copy, Debug)]
pub struct Delivery {
    /// Seconds before a new message is delivered.
    delay: u32,
    /// Seconds for handling a message: six times the function's time limit.
    visibility_timeout: u32,
    /// Deliveries before a message moves to the dead-letter queue.
    max_receive_count: u32,
    /// The service that may send messages, beside the account itself.
    sender: Option<&'static str>,
}

/// Call logs, for `analytics-ingest`.
pub const CALL_LOGS: Delivery = Delivery {
    delay: 0,
    visibility_timeout: 72,
    max_receive_count: 100,
    sender: None,
};

/// S3's events of new pictures, for `pictures-derive`.
pub const DERIVE: Delivery = Delivery {
    delay: 1,
    visibility_timeout: 360,
    max_receive_count: 5,
    sender: Some("s3.amazonaws.com"),
};

/// The name of the dead-letter queue of a queue.
fn dead_letters(name: &str) -> String {
    format!("{name}-failed")
}

/// Creates the queue with this name and its dead-letter queue, or updates their attributes.
/// Returns the queue's ARN.
///
/// # Errors
///
/// SQS can't be reached, or refuses an attribute.
pub async fn ensure(aws: &SdkConfig, name: &str, delivery: Delivery) -> anyhow::Result<String> {
    let client = Client::new(aws);
    let retention = (
        QueueAttributeName::MessageRetentionPeriod,
        RETENTION.to_string(),
    );
    let failed = Queue::ensure(&client, &dead_letters(name)).await?;
    failed.set(&client, [retention.clone()]).await?;
    let queue = Queue::ensure(&client, name).await?;
    let redrive = json!({
        "deadLetterTargetArn": failed.arn,
        "maxReceiveCount": delivery.max_receive_count,
    });
    let mut attributes = vec![
        retention,
        (QueueAttributeName::DelaySeconds, delivery.delay.to_string()),
        (
            QueueAttributeName::VisibilityTimeout,
            delivery.visibility_timeout.to_string(),
        ),
        (QueueAttributeName::RedrivePolicy, redrive.to_string()),
    ];
    if let Some(sender) = delivery.sender {
        let policy = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": {"Service": sender},
                "Action": "sqs:SendMessage",
                "Resource": queue.arn,
            }],
        });
        attributes.push((QueueAttributeName::Policy, policy.to_string()));
    }
    queue.set(&client, attributes).await?;
    Ok(queue.arn)
}

struct Queue {
    url: String,
    arn: String,
}

impl Queue {
    /// Creates the queue unless it exists.
    async fn ensure(client: &Client, name: &str) -> anyhow::Result<Self> {
        // Without attributes: creating a queue again with others is an error.
        let created = client.create_queue().queue_name(name).send().await;
        let url = created
            .context("create a queue")?
            .queue_url
            .context("a queue without a URL")?;
        let mut found = client
            .get_queue_attributes()
            .queue_url(&url)
            .attribute_names(QueueAttributeName::QueueArn)
            .send()
            .await
            .context("read a queue's ARN")?;
        let arn = found
            .attributes
            .as_mut()
            .and_then(|all| all.remove(&QueueAttributeName::QueueArn))
            .context("a queue without an ARN")?;
        Ok(Self { url, arn })
    }

    async fn set(
        &self,
        client: &Client,
        attributes: impl IntoIterator<Item = (QueueAttributeName, String)>,
    ) -> anyhow::Result<()> {
        client
            .set_queue_attributes()
            .queue_url(&self.url)
            .set_attributes(Some(attributes.into_iter().collect()))
            .send()
            .await
            .context("set a queue's attributes")?;
        Ok(())
    }
}
