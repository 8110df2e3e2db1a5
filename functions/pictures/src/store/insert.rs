//! Inserting a row, together with the check of its user and the idempotency key.

use std::time::Duration;

use aws_sdk_dynamodb::{
    error::BuildError,
    types::{Put, TransactWriteItem},
};
use tokio::time::timeout;
use trichrome_aws::{Failure, TransactionError, transact};
use trichrome_users_table::user_exists;

use super::{
    failed,
    keys::{Creation, KeyUse},
    rows::{Rows, broken, item},
};
use crate::{Error, Picture};

/// Positions in the transaction: the check of the user, and the picture's row.
const USER: usize = 0;
const ROW: usize = 1;

/// Extra time allowed for finding out whether a failed transaction took effect.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(2);

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
    /// Inserts a picture's row and its idempotency key if its user exists.
    ///
    /// If there is no response in time, the row is read to find out whether it was inserted.
    pub(crate) async fn insert(
        &self,
        users_table: &str,
        picture: &Picture,
        key: Option<&Creation>,
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
        key: Option<&Creation>,
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
            let put = self.put_key(&picture.user_id, &key.key, &KeyUse::Create(key.clone()))?;
            items.push(put);
        }
        Ok(items)
    }
}
