//! Inserting a row, together with the check of its user and the idempotency key.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::{
    error::BuildError,
    types::{AttributeValue, Put, TransactWriteItem},
};
use tokio::time::timeout;
use trichrome_aws::{Failure, TransactionError, transact};
use trichrome_users_table::user_exists;
use uuid::Uuid;

use super::{
    failed,
    rows::{Item, Rows, broken, item, key_of, number, text},
};
use crate::{Error, Picture};

/// How long an idempotency key is valid: a week, Kafka's default retention, so that every record
/// that is redelivered finds its key.
const KEY_LIFE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Positions in the transaction: the check of the user, and the picture's row.
const USER: usize = 0;
const ROW: usize = 1;

/// Extra time allowed for finding out whether a failed transaction took effect.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(2);

/// What an idempotency key was used for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyUse {
    pub(crate) key: String,
    /// The picture that was created with it.
    pub(crate) created: Uuid,
    /// A hexadecimal hash of that picture's title and bytes.
    pub(crate) fingerprint: String,
}

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Insertion {
    /// The row exists.
    Done,
    /// The user doesn't exist or is being deleted.
    UserGone,
    /// The idempotency key is in use.
    KeyTaken,
}

/// Why a transaction failed.
#[derive(Debug)]
pub(crate) enum NotInserted {
    /// The row doesn't exist.
    Certainly(Error),
    /// The row may exist: the store didn't respond.
    Perhaps(Error),
}

impl Rows {
    /// What an idempotency key was used for, by a consistent read.
    pub(crate) async fn key_use(&self, user_id: &str, key: &str) -> Result<Option<KeyUse>, Error> {
        let doing = "read an idempotency key";
        let output = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key_of(&partition(user_id), key.to_owned())))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| failed(doing, error))?;
        let Some(item) = output.item else {
            return Ok(None);
        };
        let (Some(AttributeValue::S(created)), Some(AttributeValue::S(fingerprint))) =
            (item.get("created_id"), item.get("fingerprint"))
        else {
            return Err(Error::unexpected(doing, "an attribute is missing"));
        };
        // DynamoDB may delete expired items days later.
        if expiry(&item) < now() {
            return Ok(None);
        }
        Ok(Some(KeyUse {
            key: key.to_owned(),
            created: created
                .parse()
                .map_err(|_| Error::unexpected(doing, "its picture's id is invalid"))?,
            fingerprint: fingerprint.clone(),
        }))
    }

    /// Inserts a picture's row and its idempotency key if its user exists.
    ///
    /// If there is no response in time, the row is read to find out whether it was inserted.
    pub(crate) async fn insert(
        &self,
        users_table: &str,
        picture: &Picture,
        key: Option<&KeyUse>,
    ) -> Result<Insertion, NotInserted> {
        let doing = "insert a picture's row";
        let items = self
            .transaction(users_table, picture, key)
            .map_err(|error| NotInserted::Certainly(broken(doing, error)))?;
        // All attempts share the id as token: one that succeeded isn't repeated.
        match transact(&self.client, items, Some(picture.id.to_string())).await {
            Ok(()) => Ok(Insertion::Done),
            Err(TransactionError::ConditionFailed { position: USER }) => Ok(Insertion::UserGone),
            // The id is new with each call: only an earlier attempt of this one wrote it.
            Err(TransactionError::ConditionFailed { position: ROW }) => Ok(Insertion::Done),
            Err(TransactionError::ConditionFailed { .. }) => Ok(Insertion::KeyTaken),
            Err(TransactionError::Conflict(failure) | TransactionError::Failed(failure)) => {
                self.settle(picture, doing, failure).await
            }
        }
    }

    /// Finds out how a failed transaction ended.
    async fn settle(
        &self,
        picture: &Picture,
        doing: &'static str,
        failure: Failure,
    ) -> Result<Insertion, NotInserted> {
        let had_no_effect = failure.had_no_effect();
        let error = failed(doing, failure);
        if had_no_effect {
            return Err(NotInserted::Certainly(error));
        }
        let row = self.get(&picture.user_id, picture.id);
        match timeout(SETTLE_TIMEOUT, row).await {
            Ok(Ok(Some(_))) => Ok(Insertion::Done),
            Ok(Ok(None)) => Err(NotInserted::Certainly(error)),
            Ok(Err(_)) | Err(_) => Err(NotInserted::Perhaps(error)),
        }
    }

    /// The items of the transaction: [`USER`], [`ROW`], and the idempotency key if there is one.
    fn transaction(
        &self,
        users_table: &str,
        picture: &Picture,
        key: Option<&KeyUse>,
    ) -> Result<Vec<TransactWriteItem>, BuildError> {
        let user = user_exists(users_table, &picture.user_id)?;
        let row = Put::builder()
            .table_name(&self.table)
            .set_item(Some(item(picture)))
            .condition_expression("attribute_not_exists(picture_id)")
            .build()?;
        let mut items = vec![
            TransactWriteItem::builder().condition_check(user).build(),
            TransactWriteItem::builder().put(row).build(),
        ];
        if let Some(key) = key {
            let now = now();
            let mut item = key_of(&partition(&picture.user_id), key.key.clone());
            item.insert("created_id".to_owned(), text(key.created));
            item.insert("fingerprint".to_owned(), text(&key.fingerprint));
            item.insert(EXPIRES_AT.to_owned(), number(now + KEY_LIFE.as_secs()));
            let put = Put::builder()
                .table_name(&self.table)
                .set_item(Some(item))
                .condition_expression("attribute_not_exists(picture_id) OR expires_at < :now")
                .expression_attribute_values(":now", number(now))
                .build()?;
            items.push(TransactWriteItem::builder().put(put).build());
        }
        Ok(items)
    }
}

/// When an idempotency item expires, in Unix seconds: the table's TTL attribute.
const EXPIRES_AT: &str = "expires_at";

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

/// Unix time in seconds.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}
