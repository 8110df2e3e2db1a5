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

/// The attribute after whose time (seconds since 1970) DynamoDB may delete an item.
const EXPIRY: &str = "expires_at";

/// A table's key, and whether its items expire. Both keys are strings.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// The partition key.
    pub partition: &'static str,
    /// The sort key.
    pub sort: Option<&'static str>,
    /// Whether items go away after `expires_at`.
    pub expires: bool,
}

/// Users and their names.
pub const USERS: Shape = Shape {
    partition: "pk",
    sort: None,
    expires: false,
};

/// Pictures by user, and the keys that make a create happen once, which expire.
pub const PICTURES: Shape = Shape {
    partition: "user_id",
    sort: Some("picture_id"),
    expires: true,
};

/// Makes the table unless it is there, and waits until it can be used.
///
/// # Errors
///
/// DynamoDB does not answer, or the table is not ready yet: try again.
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

/// DynamoDB refuses to switch on what is on already, so this looks first.
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
        .context("switch on time to live")?;
    Ok(())
}
