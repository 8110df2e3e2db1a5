//! The rows in the pictures table.

use std::{collections::HashSet, time::SystemTime};

use aws_sdk_dynamodb::{
    Client,
    config::Builder,
    error::SdkError,
    operation::{query::builders::QueryFluentBuilder, update_item::UpdateItemError},
    types::{AttributeValue, DeleteRequest, KeysAndAttributes, ReturnValue, WriteRequest},
};
use aws_types::SdkConfig;
use trichrome_aws::{AwsSpans, backoff};
use uuid::Uuid;

use super::{
    Layout,
    attributes::{Item, malformed, number, number_of, required_text, text, text_of},
    derivation, failed, quota, uploads,
};
use crate::{Error, Picture, picture::Derivation};

/// The table's partition key: the owner.
pub(super) const USER_ID: &str = "user_id";
/// The table's sort key: the picture.
pub(super) const PICTURE_ID: &str = "picture_id";
/// Set on a row whose object is being deleted. Readers ignore such a row.
pub(super) const DELETING: &str = "deleting";

/// Where a picture's bytes are: [`PREFIXED`], or missing for a picture from before version 0.2.0.
const LAYOUT: &str = "layout";
const PREFIXED: &str = "prefixed";

/// Set if a picture was uploaded as a `data:` URL.
const DATA_URL: &str = "data_url";

/// The limit of rows in a `BatchGetItem`.
pub(crate) const READ_BATCH: usize = 100;

/// The limit of rows in a `BatchWriteItem`.
const WRITE_BATCH: usize = 25;

/// How many times a batch is tried while DynamoDB leaves items unprocessed.
const BATCH_ATTEMPTS: u32 = 8;

/// The pictures table.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    pub(super) client: Client,
    pub(super) table: String,
}

impl Rows {
    pub(crate) fn new(config: &SdkConfig, table: String) -> Self {
        Self {
            client: Client::from_conf(
                Builder::from(config)
                    .interceptor(AwsSpans::table(&table))
                    .build(),
            ),
            table,
        }
    }

    /// One picture, by a consistent read.
    pub(crate) async fn get(&self, user_id: &str, id: Uuid) -> Result<Option<Picture>, Error> {
        let doing = "read a picture's row";
        let output = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key(user_id, id)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| failed(doing, error))?;
        output
            .item
            .filter(|item| !item.contains_key(DELETING))
            .map(picture)
            .transpose()
    }

    /// At most `limit` pictures after one, newest first, and whether there are more.
    pub(crate) async fn page(
        &self,
        user_id: &str,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<(Vec<Picture>, bool), Error> {
        let doing = "list a user's rows";
        // One more than the limit shows whether there are more.
        let wanted = limit + 1;
        let mut start = after.map(|id| key(user_id, id));
        let mut pictures = Vec::with_capacity(wanted);
        loop {
            let output = self
                .query(user_id)
                .scan_index_forward(false)
                .limit(i32::try_from(wanted - pictures.len()).unwrap_or(i32::MAX))
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| failed(doing, error))?;
            for item in output.items.unwrap_or_default() {
                if !item.contains_key(DELETING) {
                    pictures.push(picture(item)?);
                }
            }
            start = output.last_evaluated_key.filter(|key| !key.is_empty());
            if pictures.len() >= wanted || start.is_none() {
                break;
            }
        }
        let has_more = pictures.len() > limit;
        pictures.truncate(limit);
        Ok((pictures, has_more))
    }

    /// Begins a query of all items of a partition, by consistent reads.
    pub(super) fn query(&self, partition: impl Into<String>) -> QueryFluentBuilder {
        self.client
            .query()
            .table_name(&self.table)
            .key_condition_expression("user_id = :user_id")
            .expression_attribute_values(":user_id", text(partition))
            .consistent_read(true)
    }

    /// Which of these pictures, at most [`READ_BATCH`], have a row.
    pub(crate) async fn existing(
        &self,
        pictures: &[(&str, Uuid)],
    ) -> Result<HashSet<(String, Uuid)>, Error> {
        let doing = "read pictures' rows";
        let mut keys: Vec<_> = pictures.iter().map(|(user, id)| key(user, *id)).collect();
        let mut existing = HashSet::new();
        for attempt in 1..=BATCH_ATTEMPTS {
            let wanted = KeysAndAttributes::builder()
                .set_keys(Some(keys))
                .projection_expression("user_id, picture_id")
                .consistent_read(true)
                .build()
                .map_err(|error| broken(doing, error))?;
            let output = self
                .client
                .batch_get_item()
                .request_items(&self.table, wanted)
                .send()
                .await
                .map_err(|error| failed(doing, error))?;
            let found = output.responses.unwrap_or_default().remove(&self.table);
            for item in found.unwrap_or_default() {
                existing.insert(ids(&item)?);
            }
            keys = output
                .unprocessed_keys
                .unwrap_or_default()
                .remove(&self.table)
                .map(|left| left.keys)
                .unwrap_or_default();
            if keys.is_empty() {
                return Ok(existing);
            }
            backoff(attempt).await;
        }
        Err(unprocessed(doing))
    }

    /// When the table was created. A table that was restored from a backup is a new one.
    pub(crate) async fn created(&self) -> Result<SystemTime, Error> {
        let doing = "read the time of the table's creation";
        let output = self
            .client
            .describe_table()
            .table_name(&self.table)
            .send()
            .await
            .map_err(|error| failed(doing, error))?;
        let table = output.table.and_then(|table| table.creation_date_time);
        table
            .and_then(|at| SystemTime::try_from(at).ok())
            .ok_or_else(|| Error::unexpected(doing, "the table has no time of creation"))
    }

    /// Sets a picture's title. `None` if there is no such picture or it is being deleted.
    pub(crate) async fn set_title(
        &self,
        user_id: &str,
        id: Uuid,
        title: &str,
    ) -> Result<Option<Picture>, Error> {
        let updated = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(user_id, id)))
            .update_expression("SET title = :title")
            .condition_expression("attribute_exists(picture_id) AND attribute_not_exists(deleting)")
            .expression_attribute_values(":title", text(title))
            .return_values(ReturnValue::AllNew)
            .send()
            .await;
        match updated {
            Ok(output) => picture(output.attributes.unwrap_or_default()).map(Some),
            Err(error) if is_refused(&error) => Ok(None),
            Err(error) => Err(failed("set a picture's title", error)),
        }
    }

    /// Sets what was found out about a picture, and returns whether there is such a picture that
    /// isn't being deleted. Repeated calls have one effect.
    pub(crate) async fn set_derivation(
        &self,
        user_id: &str,
        id: Uuid,
        derivation: &Derivation,
    ) -> Result<bool, Error> {
        self.derive_into(
            key(user_id, id),
            "attribute_exists(picture_id) AND attribute_not_exists(deleting)",
            derivation,
        )
        .await
    }

    /// Sets a derivation in a row or in an upload's item, and returns whether the condition is met.
    pub(super) async fn derive_into(
        &self,
        key: Item,
        condition: &str,
        derivation: &Derivation,
    ) -> Result<bool, Error> {
        let update = derivation::Update::to(derivation);
        let updated = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key))
            .update_expression(update.expression)
            .condition_expression(condition)
            .set_expression_attribute_names(Some(update.names.into_iter().collect()))
            .set_expression_attribute_values(Some(update.values.into_iter().collect()))
            .send()
            .await;
        match updated {
            Ok(_) => Ok(true),
            Err(error) if is_refused(&error) => Ok(false),
            Err(error) => Err(failed("set what was derived from a picture", error)),
        }
    }

    /// Marks a row before its objects are deleted, and returns its picture if there is such a row.
    pub(crate) async fn begin_delete(
        &self,
        user_id: &str,
        id: Uuid,
    ) -> Result<Option<Picture>, Error> {
        let marked = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(user_id, id)))
            .update_expression("SET deleting = :true")
            .condition_expression("attribute_exists(picture_id)")
            .expression_attribute_values(":true", AttributeValue::Bool(true))
            .return_values(ReturnValue::AllNew)
            .send()
            .await;
        match marked {
            Ok(output) => picture(output.attributes.unwrap_or_default()).map(Some),
            Err(error) if is_refused(&error) => Ok(None),
            Err(error) => Err(failed("mark a picture's row", error)),
        }
    }

    /// Deletes a user's counter, which a concurrent call may create once more.
    pub(crate) async fn delete_counter(&self, user_id: &str) -> Result<(), Error> {
        self.delete_partition(&quota::partition(user_id)).await?;
        Ok(())
    }

    /// Deletes all rows of a user, their uploads and the counter, and returns how many rows there
    /// were.
    pub(crate) async fn delete_all(&self, user_id: &str) -> Result<u64, Error> {
        let rows = self.delete_partition(user_id).await?;
        self.delete_partition(&uploads::partition(user_id)).await?;
        self.delete_counter(user_id).await?;
        Ok(rows)
    }

    async fn delete_partition(&self, partition: &str) -> Result<u64, Error> {
        let doing = "list a user's rows";
        let mut deleted = 0;
        loop {
            // Always the first page, because the rows of earlier ones are deleted.
            let output = self
                .query(partition)
                .projection_expression("user_id, picture_id")
                .send()
                .await
                .map_err(|error| failed(doing, error))?;
            let keys = output.items.unwrap_or_default();
            if keys.is_empty() {
                return Ok(deleted);
            }
            for batch in keys.chunks(WRITE_BATCH) {
                self.delete_batch(batch).await?;
                deleted += batch.len() as u64;
            }
        }
    }

    async fn delete_batch(&self, keys: &[Item]) -> Result<(), Error> {
        let doing = "delete a user's rows";
        let mut requests = Vec::with_capacity(keys.len());
        for key in keys {
            let delete = DeleteRequest::builder()
                .set_key(Some(key.clone()))
                .build()
                .map_err(|error| broken(doing, error))?;
            requests.push(WriteRequest::builder().delete_request(delete).build());
        }
        for attempt in 1..=BATCH_ATTEMPTS {
            let output = self
                .client
                .batch_write_item()
                .request_items(&self.table, requests)
                .send()
                .await
                .map_err(|error| failed(doing, error))?;
            requests = output
                .unprocessed_items
                .unwrap_or_default()
                .remove(&self.table)
                .unwrap_or_default();
            if requests.is_empty() {
                return Ok(());
            }
            backoff(attempt).await;
        }
        Err(unprocessed(doing))
    }
}

/// Whether an update's condition isn't met.
pub(super) fn is_refused(error: &SdkError<UpdateItemError>) -> bool {
    matches!(
        error.as_service_error(),
        Some(UpdateItemError::ConditionalCheckFailedException(_))
    )
}

fn unprocessed(doing: &'static str) -> Error {
    Error::Unavailable {
        doing,
        source: "DynamoDB left items unprocessed in every attempt".into(),
    }
}

/// The row of a picture.
pub(super) fn item(picture: &Picture) -> Item {
    let mut item = key(&picture.user_id, picture.id);
    let attributes = [
        ("title", text(&picture.title)),
        ("content_type", text(&picture.content_type)),
        ("size_bytes", number(picture.size_bytes)),
        ("width", number(picture.width)),
        ("height", number(picture.height)),
    ];
    item.extend(attributes.map(|(name, value)| (name.to_owned(), value)));
    match picture.layout {
        Layout::Flat => {}
        Layout::Prefixed => {
            item.insert(LAYOUT.to_owned(), text(PREFIXED));
        }
    }
    if picture.is_data_url {
        item.insert(DATA_URL.to_owned(), AttributeValue::Bool(true));
    }
    item.extend(derivation::attributes(&picture.derivation));
    // For people who read the table; the id has the time too.
    if let Some(time) = picture.created_at() {
        item.insert("created_at".to_owned(), text(time.to_string()));
    }
    item
}

/// The picture of a row.
pub(super) fn picture(item: Item) -> Result<Picture, Error> {
    let (user_id, id) = ids(&item)?;
    let layout = match text_of(&item, LAYOUT)?.as_deref() {
        None => Layout::Flat,
        Some(PREFIXED) => Layout::Prefixed,
        Some(_) => return Err(malformed()),
    };
    Ok(Picture {
        id,
        user_id,
        title: required_text(&item, "title")?,
        content_type: required_text(&item, "content_type")?,
        size_bytes: number_of(&item, "size_bytes")?,
        width: number_of(&item, "width")?,
        height: number_of(&item, "height")?,
        layout,
        is_data_url: item.contains_key(DATA_URL),
        derivation: derivation::read(&item)?,
    })
}

/// The owner and the picture of a row.
fn ids(item: &Item) -> Result<(String, Uuid), Error> {
    let id = required_text(item, PICTURE_ID)?;
    let id = id.parse().map_err(|_| malformed())?;
    Ok((required_text(item, USER_ID)?, id))
}

/// The error for a request that lacks a required field.
pub(super) fn broken(doing: &'static str, error: aws_sdk_dynamodb::error::BuildError) -> Error {
    Error::Internal {
        doing,
        source: Box::new(error),
    }
}

pub(super) fn key(user_id: &str, id: Uuid) -> Item {
    key_of(user_id, id.to_string())
}

pub(super) fn key_of(user_id: &str, sort: String) -> Item {
    Item::from([
        (USER_ID.to_owned(), text(user_id)),
        (PICTURE_ID.to_owned(), text(sort)),
    ])
}
