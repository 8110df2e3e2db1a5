//! The queue of call logs, and the one for messages that could not be handled.

use anyhow::Context as _;
use aws_config::SdkConfig;
use aws_sdk_sqs::{Client, types::QueueAttributeName};
use serde_json::json;

/// Seconds for handling a message: six times a function's time limit, as in `template.yaml`.
const VISIBILITY_TIMEOUT: u32 = 72;

/// Deliveries before a message moves to the dead-letter queue, as in `template.yaml`.
const MAX_RECEIVE_COUNT: u32 = 100;

/// How long messages are kept, in seconds: 14 days, the most that SQS allows.
const RETENTION: u32 = 14 * 24 * 60 * 60;

/// The name of the dead-letter queue of a queue.
fn dead_letters(name: &str) -> String {
    format!("{name}-failed")
}

/// Creates the queue with this name and its dead-letter queue, or updates their attributes.
///
/// # Errors
///
/// SQS can't be reached, or refuses an attribute.
pub async fn ensure(aws: &SdkConfig, name: &str) -> anyhow::Result<()> {
    let client = Client::new(aws);
    let retention = (
        QueueAttributeName::MessageRetentionPeriod,
        RETENTION.to_string(),
    );
    let failed = ensure_one(&client, &dead_letters(name), [retention.clone()]).await?;
    let arn = client
        .get_queue_attributes()
        .queue_url(failed)
        .attribute_names(QueueAttributeName::QueueArn)
        .send()
        .await
        .context("read a queue's ARN")?;
    let arn = arn
        .attributes()
        .and_then(|all| all.get(&QueueAttributeName::QueueArn))
        .context("a queue without an ARN")?;
    let redrive = json!({"deadLetterTargetArn": arn, "maxReceiveCount": MAX_RECEIVE_COUNT});
    let attributes = [
        retention,
        (
            QueueAttributeName::VisibilityTimeout,
            VISIBILITY_TIMEOUT.to_string(),
        ),
        (QueueAttributeName::RedrivePolicy, redrive.to_string()),
    ];
    ensure_one(&client, name, attributes).await?;
    Ok(())
}

/// Returns the queue's URL.
async fn ensure_one(
    client: &Client,
    name: &str,
    attributes: impl IntoIterator<Item = (QueueAttributeName, String)>,
) -> anyhow::Result<String> {
    // Without attributes: creating a queue again with others is an error.
    let created = client.create_queue().queue_name(name).send().await;
    let url = created
        .context("create a queue")?
        .queue_url
        .context("a queue without a URL")?;
    client
        .set_queue_attributes()
        .queue_url(&url)
        .set_attributes(Some(attributes.into_iter().collect()))
        .send()
        .await
        .context("set a queue's attributes")?;
    Ok(url)
}
