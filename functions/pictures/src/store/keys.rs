//! Idempotency keys: items that say what a key was used for, so that a call that is delivered twice
//! takes effect once and has the same outcome twice.

use std::time::Duration;

use aws_sdk_dynamodb::{
    error::BuildError,
    types::{AttributeValue, Delete, Put, TransactWriteItem, Update},
};
use trichrome_aws::{TransactionError, transact};
use uuid::Uuid;

use super::{
    attributes::{EXPIRES_AT, Item, now, number, text},
    failed,
    rows::{Rows, broken, item, key, key_of, picture},
};
use crate::{Error, Picture};

/// How long an idempotency key is valid: a week, Kafka's default retention, so that every record
/// that is redelivered finds its key.
const KEY_LIFE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The picture that was created with a key.
const CREATED: &str = "created_id";
/// A hash of that picture's title and bytes.
const FINGERPRINT: &str = "fingerprint";
/// The picture that was deleted with a key.
const DELETED: &str = "deleted_id";
/// The picture that was renamed with a key. The item has that picture's attributes, too.
const RENAMED: &str = "renamed_id";
/// The upload that was begun with a key.
const BEGUN: &str = "begun_id";

/// A create with an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Creation {
    pub(crate) key: String,
    /// The picture that was created with it.
    pub(crate) created: Uuid,
    /// A hexadecimal hash of that picture's title and bytes.
    pub(crate) fingerprint: String,
}

/// What an idempotency key was used for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum KeyUse {
    Create(Creation),
    /// The deletion of this picture.
    Delete(Uuid),
    /// The renaming that resulted in this picture.
    Rename(Box<Picture>),
    /// The beginning of this upload.
    Begin {
        upload: Uuid,
        /// A hexadecimal hash of the request.
        fingerprint: String,
    },
}

/// How a write with an idempotency key ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keyed {
    Done,
    /// There is no such picture.
    Missing,
    /// The idempotency key is in use.
    KeyTaken,
}

impl Rows {
    /// What an idempotency key was used for, by a consistent read.
    pub(crate) async fn key_use(
        &self,
        user_id: &str,
        idempotency_key: &str,
    ) -> Result<Option<KeyUse>, Error> {
        let doing = "read an idempotency key";
        let output = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key_of(
                &partition(user_id),
                idempotency_key.to_owned(),
            )))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| failed(doing, error))?;
        // DynamoDB may delete expired items days later.
        let Some(item) = output.item.filter(|item| expiry(item) >= now()) else {
            return Ok(None);
        };
        let used = read(user_id, idempotency_key, item)?;
        let incomplete = || Error::unexpected(doing, "an attribute is missing or invalid");
        used.ok_or_else(incomplete).map(Some)
    }

    /// Deletes a row, stops counting its picture, and remembers the key if there is one, all or
    /// nothing. If a concurrent call has deleted the row, only the key is left to do.
    pub(crate) async fn delete(
        &self,
        picture: &Picture,
        idempotency_key: Option<&str>,
    ) -> Result<Keyed, Error> {
        let doing = "delete a picture's row";
        let (mut is_row_left, mut counted) = (true, false);
        loop {
            let items = self.deletion(picture, idempotency_key, is_row_left);
            let items = items.map_err(|error| broken(doing, error))?;
            if items.is_empty() {
                return Ok(Keyed::Done);
            }
            // All attempts share a token: one that succeeded isn't repeated.
            let token = Uuid::new_v4().to_string();
            return match transact(&self.client, items, Some(token)).await {
                Ok(()) => Ok(Keyed::Done),
                Err(TransactionError::ConditionFailed { position: 0 }) if is_row_left => {
                    is_row_left = false;
                    continue;
                }
                Err(TransactionError::ConditionFailed { position: 1 })
                    if is_row_left && !counted =>
                {
                    self.count(&picture.user_id, None).await?;
                    counted = true;
                    continue;
                }
                Err(TransactionError::ConditionFailed { .. }) => Ok(Keyed::KeyTaken),
                Err(TransactionError::Conflict(failure) | TransactionError::Failed(failure)) => {
                    Err(failed(doing, failure))
                }
            };
        }
    }

    /// The items of a deletion: row and counter, then the key.
    fn deletion(
        &self,
        picture: &Picture,
        idempotency_key: Option<&str>,
        is_row_left: bool,
    ) -> Result<Vec<TransactWriteItem>, BuildError> {
        let mut items = Vec::new();
        if is_row_left {
            let delete = Delete::builder()
                .table_name(&self.table)
                .set_key(Some(key(&picture.user_id, picture.id)))
                .condition_expression("attribute_exists(picture_id)")
                .build()?;
            items.push(TransactWriteItem::builder().delete(delete).build());
            items.push(self.give_back(picture)?);
        }
        if let Some(key) = idempotency_key {
            items.push(self.put_key(&picture.user_id, key, &KeyUse::Delete(picture.id))?);
        }
        Ok(items)
    }

    /// Sets a picture's title and remembers the key, both or neither. `renamed` is the picture
    /// with the new title.
    pub(crate) async fn set_title_with_key(
        &self,
        renamed: &Picture,
        idempotency_key: &str,
    ) -> Result<Keyed, Error> {
        let doing = "set a picture's title";
        let items = || {
            let update = Update::builder()
                .table_name(&self.table)
                .set_key(Some(key(&renamed.user_id, renamed.id)))
                .update_expression("SET title = :title")
                .condition_expression(
                    "attribute_exists(picture_id) AND attribute_not_exists(deleting)",
                )
                .expression_attribute_values(":title", text(&renamed.title))
                .build()?;
            let used = KeyUse::Rename(Box::new(renamed.clone()));
            let put = self.put_key(&renamed.user_id, idempotency_key, &used)?;
            Ok(vec![
                TransactWriteItem::builder().update(update).build(),
                put,
            ])
        };
        self.transact_keyed(doing, items()).await
    }

    /// Runs a transaction of a row and its key.
    async fn transact_keyed(
        &self,
        doing: &'static str,
        items: Result<Vec<TransactWriteItem>, BuildError>,
    ) -> Result<Keyed, Error> {
        let items = items.map_err(|error| broken(doing, error))?;
        // All attempts share a token: one that succeeded isn't repeated.
        match transact(&self.client, items, Some(Uuid::new_v4().to_string())).await {
            Ok(()) => Ok(Keyed::Done),
            Err(TransactionError::ConditionFailed { position: 0 }) => Ok(Keyed::Missing),
            Err(TransactionError::ConditionFailed { .. }) => Ok(Keyed::KeyTaken),
            Err(TransactionError::Conflict(failure) | TransactionError::Failed(failure)) => {
                Err(failed(doing, failure))
            }
        }
    }

    /// The item of a transaction that remembers a key unless it is in use.
    pub(super) fn put_key(
        &self,
        user_id: &str,
        idempotency_key: &str,
        used: &KeyUse,
    ) -> Result<TransactWriteItem, BuildError> {
        let now = now();
        let mut entry = match used {
            KeyUse::Create(creation) => Item::from([
                (CREATED.to_owned(), text(creation.created)),
                (FINGERPRINT.to_owned(), text(&creation.fingerprint)),
            ]),
            KeyUse::Delete(id) => Item::from([(DELETED.to_owned(), text(*id))]),
            KeyUse::Begin {
                upload,
                fingerprint,
            } => Item::from([
                (BEGUN.to_owned(), text(*upload)),
                (FINGERPRINT.to_owned(), text(fingerprint)),
            ]),
            KeyUse::Rename(picture) => {
                let mut entry = item(picture);
                entry.insert(RENAMED.to_owned(), text(picture.id));
                entry
            }
        };
        entry.extend(key_of(&partition(user_id), idempotency_key.to_owned()));
        entry.insert(EXPIRES_AT.to_owned(), number(now + KEY_LIFE.as_secs()));
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(entry))
            .condition_expression("attribute_not_exists(picture_id) OR expires_at < :now")
            .expression_attribute_values(":now", number(now))
            .build()?;
        Ok(TransactWriteItem::builder().put(put).build())
    }
}

/// What an idempotency item says; `None` if an attribute is missing or invalid.
fn read(user_id: &str, idempotency_key: &str, mut item: Item) -> Result<Option<KeyUse>, Error> {
    let id = |name| match item.get(name) {
        Some(AttributeValue::S(id)) => id.parse::<Uuid>().ok(),
        _ => None,
    };
    let fingerprint = || match item.get(FINGERPRINT) {
        Some(AttributeValue::S(fingerprint)) => Some(fingerprint.clone()),
        _ => None,
    };
    if let Some(created) = id(CREATED) {
        return Ok(fingerprint().map(|fingerprint| {
            KeyUse::Create(Creation {
                key: idempotency_key.to_owned(),
                created,
                fingerprint,
            })
        }));
    }
    if let Some(upload) = id(BEGUN) {
        return Ok(fingerprint().map(|fingerprint| KeyUse::Begin {
            upload,
            fingerprint,
        }));
    }
    if let Some(deleted) = id(DELETED) {
        return Ok(Some(KeyUse::Delete(deleted)));
    }
    let Some(renamed) = id(RENAMED) else {
        return Ok(None);
    };
    item.extend(key(user_id, renamed));
    picture(item).map(|picture| Some(KeyUse::Rename(Box::new(picture))))
}

fn expiry(item: &Item) -> u64 {
    match item.get(EXPIRES_AT) {
        Some(AttributeValue::N(seconds)) => seconds.parse().unwrap_or(0),
        _ => 0,
    }
}

/// The partition of a user's idempotency items.
fn partition(user_id: &str) -> String {
    format!("idem#{user_id}")
}
