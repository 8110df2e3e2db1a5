//! The DynamoDB tables, as the template describes them for AWS.

use anyhow::Context as _;
use aws_config::SdkConfig;
use aws_sdk_dynamodb::{
    Client,
    types::{
        AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
        TableStatus, TimeToLiveSpecification, TimeToLiveStatus,
    },
};

/// The attribute with the Unix time after which DynamoDB may delete an item.
const EXPIRY: &str = "expires_at";

/// A table's keys, which are strings, and whether its items expire.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// The partition key.
    pub partition: &'static str,
    /// The sort key.
    pub sort: Option<&'static str>,
    /// Whether items expire at `expires_at`.
    pub expires: bool,
}

/// Users and usernames, and idempotency keys of deletions, which expire.
pub const USERS: Shape = Shape {
    partition: "pk",
    sort: None,
    expires: true,
};

/// Pictures by user, and idempotency keys, which expire.
pub const PICTURES: Shape = Shape {
    partition: "user_id",
    sort: Some("picture_id"),
    expires: true,
};

/// Creates the table unless it exists.
///
/// # Errors
///
/// DynamoDB can't be reached, or the table isn't active yet: retry.
pub async fn ensure(aws: &SdkConfig, table: &str, shape: Shape) -> anyhow::Result<()> {
    let client = Client::new(aws);
    if status(&client, table).await?.is_none() {
        create(&client, table, shape).await?;
    }
    let status = status(&client, table).await?;
    anyhow::ensure!(
        status == Some(TableStatus::Active),
        "table {table} is not active yet"
    );
    if shape.expires {
        expire(&client, table).await?;
    }
    Ok(())
}

async fn status(client: &Client, table: &str) -> anyhow::Result<Option<TableStatus>> {
    match client.describe_table().table_name(table).send().await {
        Ok(found) => Ok(found.table.and_then(|table| table.table_status)),
        Err(error)
            if error
                .as_service_error()
                .is_some_and(|error| error.is_resource_not_found_exception()) =>
        {
            Ok(None)
        }
        Err(error) => Err(error).context("describe table"),
    }
}

async fn create(client: &Client, table: &str, shape: Shape) -> anyhow::Result<()> {
    let keys = [(shape.partition, KeyType::Hash)]
        .into_iter()
        .chain(shape.sort.map(|name| (name, KeyType::Range)));
    let mut request = client
        .create_table()
        .table_name(table)
        .billing_mode(BillingMode::PayPerRequest);
    for (name, kind) in keys {
        request = request
            .attribute_definitions(
                AttributeDefinition::builder()
                    .attribute_name(name)
                    .attribute_type(ScalarAttributeType::S)
                    .build()?,
            )
            .key_schema(
                KeySchemaElement::builder()
                    .attribute_name(name)
                    .key_type(kind)
                    .build()?,
            );
    }
    request.send().await.context("create table")?;
    Ok(())
}

/// Enables expiry. DynamoDB refuses to enable it twice, so this checks first.
async fn expire(client: &Client, table: &str) -> anyhow::Result<()> {
    let found = client
        .describe_time_to_live()
        .table_name(table)
        .send()
        .await
        .context("describe time to live")?;
    let status = found
        .time_to_live_description
        .and_then(|description| description.time_to_live_status);
    if matches!(
        status,
        Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)
    ) {
        return Ok(());
    }
    client
        .update_time_to_live()
        .table_name(table)
        .time_to_live_specification(
            TimeToLiveSpecification::builder()
                .enabled(true)
                .attribute_name(EXPIRY)
                .build()?,
        )
        .send()
        .await
        .context("enable time to live")?;
    Ok(())
}
