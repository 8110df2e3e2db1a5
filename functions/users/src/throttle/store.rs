//! Counters as items of the users table, which expire.
//!
//! | pk | attributes |
//! |---|---|
//! | `guess#<user>#<origin>` | `failures`, `blocked_until`, `forgotten_at`, `known_until` |
//! | `signup#<window>#<origin>` | `signups` |
//!
//! All have `expires_at`. Users and origins are digests.

use std::collections::HashMap;

use aws_sdk_dynamodb::{Client, types::AttributeValue};
use trichrome_users_table::PARTITION_KEY;

use super::{attempt::Counters, counter::Counter, signups::Windows};
use crate::{
    Error,
    store::{EXPIRY, failed, number},
};

/// Counters in the users table.
#[derive(Clone, Debug)]
pub(crate) struct CounterStore {
    client: Client,
    table: String,
}

const UPDATE: &str = "SET failures = :failures, blocked_until = :blocked_until, \
                      forgotten_at = :forgotten_at, known_until = :known_until, \
                      expires_at = :expires_at";

const UNCHANGED: &str = "failures = :seen_failures AND blocked_until = :seen_blocked_until \
                         AND forgotten_at = :seen_forgotten_at \
                         AND known_until = :seen_known_until";

impl CounterStore {
    pub(crate) fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// Whether the update was made; not if its condition failed.
    async fn update(
        &self,
        id: &str,
        update: &str,
        condition: Option<&str>,
        values: HashMap<String, AttributeValue>,
    ) -> Result<bool, Error> {
        let sent = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(PARTITION_KEY, AttributeValue::S(id.to_owned()))
            .update_expression(update)
            .set_condition_expression(condition.map(str::to_owned))
            .set_expression_attribute_values(Some(values))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(true),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_conditional_check_failed_exception()) =>
            {
                Ok(false)
            }
            Err(error) => Err(failed(error)),
        }
    }
}

/// The values of [`UPDATE`].
fn values(counter: Counter) -> HashMap<String, AttributeValue> {
    HashMap::from([
        (":failures".to_owned(), number(counter.failures.into())),
        (":blocked_until".to_owned(), number(counter.blocked_until)),
        (":forgotten_at".to_owned(), number(counter.forgotten_at)),
        (":known_until".to_owned(), number(counter.known_until)),
        (":expires_at".to_owned(), number(counter.expires_at())),
    ])
}

impl Counters for CounterStore {
    async fn get(&self, id: &str) -> Result<Option<Counter>, Error> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(PARTITION_KEY, AttributeValue::S(id.to_owned()))
            .consistent_read(true)
            .send()
            .await
            .map_err(failed)?;
        let Some(item) = answer.item else {
            return Ok(None);
        };
        let read = |name: &str| {
            let text = item.get(name)?.as_n().ok()?;
            text.parse::<u64>().ok()
        };
        let counter = (|| {
            Some(Counter {
                failures: read("failures")?.try_into().ok()?,
                blocked_until: read("blocked_until")?,
                forgotten_at: read("forgotten_at")?,
                known_until: read("known_until")?,
            })
        })();
        let counter = counter.ok_or_else(|| Error::Store("a counter lacks a number".into()))?;
        Ok(Some(counter))
    }

    async fn replace(&self, id: &str, seen: Option<Counter>, next: Counter) -> Result<bool, Error> {
        let mut values = values(next);
        let Some(seen) = seen else {
            let missing = "attribute_not_exists(pk)";
            return self.update(id, UPDATE, Some(missing), values).await;
        };
        values.extend([
            (":seen_failures".to_owned(), number(seen.failures.into())),
            (":seen_blocked_until".to_owned(), number(seen.blocked_until)),
            (":seen_forgotten_at".to_owned(), number(seen.forgotten_at)),
            (":seen_known_until".to_owned(), number(seen.known_until)),
        ]);
        self.update(id, UPDATE, Some(UNCHANGED), values).await
    }

    async fn set(&self, id: &str, next: Counter) -> Result<(), Error> {
        self.update(id, UPDATE, None, values(next)).await?;
        Ok(())
    }
}

impl Windows for CounterStore {
    async fn add(&self, id: &str, limit: u32, expires_at: u64) -> Result<bool, Error> {
        let update = format!("SET {EXPIRY} = :expires_at ADD signups :one");
        let condition = "attribute_not_exists(signups) OR signups < :limit";
        let values = HashMap::from([
            (":one".to_owned(), number(1)),
            (":limit".to_owned(), number(limit.into())),
            (":expires_at".to_owned(), number(expires_at)),
        ]);
        self.update(id, &update, Some(condition), values).await
    }
}

#[cfg(test)]
mod tests;
