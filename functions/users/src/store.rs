//! Users in DynamoDB, two items each, in a table whose only key is `pk`:
//!
//! | pk | attributes |
//! |---|---|
//! | `user#<id>` | `id`, `username`, `created_at`; `deleting` only while true |
//! | `name#<username>` | `user_id`, `password_hash`; `idempotency_key` where one was given |
//!
//! Once tokens were revoked, both have `token_generation`, and the user's has `revoked_by`, the
//! idempotency key of that call. A deletion with an idempotency key leaves `gone#<id>` with
//! `deleted_by` for a week.
//!
//! The name has an item of its own because DynamoDB keeps nothing but keys unique. It holds what
//! a login needs, so that a login is one read. All reads are consistent, so that a user who was
//! just created can log in and one who was just deleted can't.

mod item;

use aws_sdk_dynamodb::{
    Client,
    config::Builder,
    error::BuildError,
    types::{AttributeValue, Delete, Put, TransactWriteItem, Update},
};
use aws_types::SdkConfig;
use trichrome_aws::{AwsSpans, Failure, TransactionError, transact};
use trichrome_users_table::{PARTITION_KEY, USER_EXISTS, user_key};

pub(crate) use self::item::number;
use self::item::string;
pub(crate) use self::item::{Owner, Record};
use crate::{Error, User, throttle::CounterStore};

/// The attribute with the Unix time after which DynamoDB may delete an item.
pub(crate) const EXPIRY: &str = "expires_at";

/// The users table.
#[derive(Debug, Clone)]
pub struct UserStore {
    client: Client,
    table: String,
}

/// A new user to store.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewUser<'a> {
    pub(crate) user: &'a User,
    pub(crate) password_hash: &'a str,
    pub(crate) idempotency_key: Option<&'a str>,
    pub(crate) created_at: &'a str,
}

/// The next generation of a user's tokens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Revocation<'a> {
    pub(crate) user: &'a User,
    /// One more than the present generation.
    pub(crate) generation: u64,
    /// The present hash and a new one, if the password changes, too.
    pub(crate) passwords: Option<(&'a str, &'a str)>,
    pub(crate) idempotency_key: Option<&'a str>,
}

/// How an insert ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Insert {
    Done,
    /// Another user has the name.
    Taken,
}

impl UserStore {
    /// The users in this table.
    #[must_use]
    pub fn new(config: &SdkConfig, table: String) -> Self {
        Self {
            client: Client::from_conf(
                Builder::from(config)
                    .interceptor(AwsSpans::table(&table))
                    .build(),
            ),
            table,
        }
    }

    /// The counters in the same table.
    pub(crate) fn counters(&self) -> CounterStore {
        CounterStore::new(self.client.clone(), self.table.clone())
    }

    /// Stores a new user under its name and its id, both or neither.
    pub(crate) async fn insert(&self, new: &NewUser<'_>) -> Result<Insert, Error> {
        let items = [item::name(new), item::user(new)]
            .into_iter()
            .map(|item| {
                let put = Put::builder()
                    .table_name(&self.table)
                    .set_item(Some(item))
                    .condition_expression("attribute_not_exists(pk)")
                    .build()
                    .map_err(broken)?;
                Ok(TransactWriteItem::builder().put(put).build())
            })
            .collect::<Result<Vec<_>, Error>>()?;
        match transact(&self.client, items, None).await {
            Ok(()) => Ok(Insert::Done),
            Err(TransactionError::ConditionFailed { position: 0 }) => Ok(Insert::Taken),
            Err(TransactionError::ConditionFailed { .. }) => {
                Err(Error::Store("the new user's id exists already".into()))
            }
            Err(TransactionError::Conflict(_)) => Err(Error::Conflict),
            Err(TransactionError::Failed(failure)) => Err(failed(failure)),
        }
    }

    /// The user with this id, including one who is being deleted.
    pub(crate) async fn get(&self, user_id: &str) -> Result<Option<Record>, Error> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(PARTITION_KEY, user_key(user_id))
            .consistent_read(true)
            .send()
            .await
            .map_err(failed)?;
        answer.item.map(Record::try_from).transpose()
    }

    /// The user who has this name, with the password hash.
    pub(crate) async fn owner(&self, username: &str) -> Result<Option<Owner>, Error> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(PARTITION_KEY, item::name_key(username))
            .consistent_read(true)
            .send()
            .await
            .map_err(failed)?;
        answer.item.map(Owner::try_from).transpose()
    }

    /// The id of the user who has this name, without reading the password hash.
    pub(crate) async fn id_of(&self, username: &str) -> Result<Option<String>, Error> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(PARTITION_KEY, item::name_key(username))
            .projection_expression("user_id")
            .consistent_read(true)
            .send()
            .await
            .map_err(failed)?;
        answer
            .item
            .map(|mut item| item::text(&mut item, "user_id"))
            .transpose()
    }

    /// Starts a new generation of a user's tokens, on both of their items or on neither.
    ///
    /// # Errors
    /// [`Error::Conflict`] if either item has changed since it was read.
    pub(crate) async fn revoke(&self, revocation: &Revocation<'_>) -> Result<(), Error> {
        let items = item::revocation(&self.table, revocation).map_err(broken)?;
        match transact(&self.client, items, None).await {
            Ok(()) => Ok(()),
            Err(TransactionError::ConditionFailed { .. } | TransactionError::Conflict(_)) => {
                Err(Error::Conflict)
            }
            Err(TransactionError::Failed(failure)) => Err(failed(failure)),
        }
    }

    /// Marks a user as being deleted and frees the name, both or neither. A user who is already
    /// marked or deleted is no error: another call is deleting the same user.
    pub(crate) async fn mark_deleting(&self, user: &User) -> Result<(), Error> {
        let mark = Update::builder()
            .table_name(&self.table)
            .key(PARTITION_KEY, user_key(&user.id))
            .update_expression("SET deleting = :true")
            .condition_expression(USER_EXISTS)
            .expression_attribute_values(":true", AttributeValue::Bool(true))
            .build()
            .map_err(broken)?;
        let free = Delete::builder()
            .table_name(&self.table)
            .key(PARTITION_KEY, item::name_key(&user.username))
            .condition_expression("user_id = :id")
            .expression_attribute_values(":id", AttributeValue::S(user.id.clone()))
            .build()
            .map_err(broken)?;
        let items = vec![
            TransactWriteItem::builder().update(mark).build(),
            TransactWriteItem::builder().delete(free).build(),
        ];
        match transact(&self.client, items, None).await {
            Ok(()) | Err(TransactionError::ConditionFailed { position: 0 }) => Ok(()),
            Err(TransactionError::ConditionFailed { .. }) => Err(Error::Store(
                "the user's name belongs to another user".into(),
            )),
            Err(TransactionError::Conflict(_)) => Err(Error::Conflict),
            Err(TransactionError::Failed(failure)) => Err(failed(failure)),
        }
    }

    /// Deletes the item of a user who was marked, if it still exists, and remembers the key of the
    /// call until `expires_at`, in seconds since 1970.
    pub(crate) async fn remove(
        &self,
        user_id: &str,
        idempotency_key: Option<&str>,
        expires_at: u64,
    ) -> Result<(), Error> {
        if let Some(key) = idempotency_key {
            self.client
                .put_item()
                .table_name(&self.table)
                .item(PARTITION_KEY, item::gone_key(user_id))
                .item("deleted_by", string(key))
                .item(EXPIRY, number(expires_at))
                .send()
                .await
                .map_err(failed)?;
        }
        self.client
            .delete_item()
            .table_name(&self.table)
            .key(PARTITION_KEY, user_key(user_id))
            .send()
            .await
            .map_err(failed)?;
        Ok(())
    }

    /// The key of the call that deleted a user, if it had one and it is remembered.
    pub(crate) async fn deleted_by(&self, user_id: &str) -> Result<Option<String>, Error> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(PARTITION_KEY, item::gone_key(user_id))
            .consistent_read(true)
            .send()
            .await
            .map_err(failed)?;
        let key = answer
            .item
            .map(|mut item| item::text(&mut item, "deleted_by"));
        key.transpose()
    }
}

/// The error for a request that lacks a required field.
fn broken(error: BuildError) -> Error {
    Error::Store(error.into())
}

/// The error for a failed request.
pub(crate) fn failed(failure: impl Into<Failure>) -> Error {
    let failure = failure.into();
    if failure.is_transient() {
        Error::Unavailable(failure.into())
    } else {
        Error::Store(failure.into())
    }
}
