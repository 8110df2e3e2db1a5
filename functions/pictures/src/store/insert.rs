//! Inserting a row, together with the check of its user, the count of what the user stores, and the
//! idempotency key or the upload that it comes from.

use std::time::Duration;

use aws_sdk_dynamodb::{
    error::BuildError,
    types::{Put, TransactWriteItem},
};
use tokio::time::timeout;
use trichrome_aws::{Failure, TransactionError, transact};
use trichrome_users_table::user_exists;
use uuid::Uuid;

use super::{
    Quota, failed,
    keys::{Creation, KeyUse},
    rows::{Rows, broken, item},
};
use crate::{Error, Picture};

/// Positions in the transaction: the check of the user, the picture's row, and the counter.
const USER: usize = 0;
const ROW: usize = 1;
const COUNTER: usize = 2;

/// Extra time allowed for finding out whether a failed transaction took effect.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(2);

/// Where a new picture comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source<'a> {
    /// A request that contains it, with an idempotency key if it has one.
    Request(Option<&'a Creation>),
    /// An upload.
    Upload,
}

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Insertion {
    /// The row exists.
    Done,
    /// The user doesn't exist or is being deleted.
    UserGone,
    /// The user's pictures would exceed the quota.
    QuotaExceeded,
    /// The idempotency key is in use, or the upload ended or changed.
    SourceTaken,
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
    /// Inserts a picture's row if its user exists and has room for it. The idempotency key is
    /// remembered, or the upload deleted, in the same transaction.
    ///
    /// If there is no response in time, the row is read to find out whether it was inserted.
    pub(crate) async fn insert(
        &self,
        users_table: &str,
        picture: &Picture,
        quota: Quota,
        source: Source<'_>,
    ) -> Result<Insertion, NotInserted> {
        let doing = "insert a picture's row";
        // All attempts share a token: one that succeeded isn't repeated. An upload is completed by
        // several calls, whose transactions may differ.
        let token = match source {
            Source::Request(_) => picture.id,
            Source::Upload => Uuid::new_v4(),
        };
        let mut retried = false;
        loop {
            let items = self
                .transaction(users_table, picture, quota, source)
                .map_err(|error| NotInserted::Certainly(broken(doing, error)))?;
            return match transact(&self.client, items, Some(token.to_string())).await {
                Ok(()) => Ok(Insertion::Done),
                Err(TransactionError::ConditionFailed { position: USER }) => {
                    Ok(Insertion::UserGone)
                }
                // The id is new: only an earlier attempt, or another completion of the same
                // upload, wrote it.
                Err(TransactionError::ConditionFailed { position: ROW }) => Ok(Insertion::Done),
                Err(TransactionError::ConditionFailed { position: COUNTER }) => {
                    // The counter may have been missing until this call, or a concurrent one,
                    // counted.
                    let usage = self.usage(&picture.user_id).await;
                    let usage = usage.map_err(NotInserted::Certainly)?;
                    if !retried && usage.and(picture.size_bytes).fits(quota) {
                        retried = true;
                        continue;
                    }
                    Ok(Insertion::QuotaExceeded)
                }
                Err(TransactionError::ConditionFailed { .. }) => Ok(Insertion::SourceTaken),
                Err(TransactionError::Conflict(failure) | TransactionError::Failed(failure)) => {
                    self.settle(picture, doing, failure).await
                }
            };
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

    /// The items of the transaction: [`USER`], [`ROW`], [`COUNTER`], and the source.
    fn transaction(
        &self,
        users_table: &str,
        picture: &Picture,
        quota: Quota,
        source: Source<'_>,
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
            self.take(picture, quota)?,
        ];
        match source {
            Source::Request(None) => {}
            Source::Request(Some(key)) => {
                let used = KeyUse::Create(key.clone());
                items.push(self.put_key(&picture.user_id, &key.key, &used)?);
            }
            Source::Upload => items.push(self.delete_upload(picture)?),
        }
        Ok(items)
    }
}
