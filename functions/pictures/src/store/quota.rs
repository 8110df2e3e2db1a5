//! How much each user stores, counted in an item of the pictures table.
//!
//! Each transaction that inserts or deletes a row changes the counter, so that it is exact, and a
//! limit holds however many calls are made at once. A user without a counter is from before there
//! were any: their rows are counted once. No row comes or goes before the counter exists.
//!
//! The same transactions count up the user's revision, by which a response that was kept before a row
//! came or went is recognised ([`PictureStore::revision`](crate::PictureStore::revision)).
//!
//! Functions of version 0.1, which an update replaces one after another, store pictures without
//! counting them. Once those are deleted, the counter is below zero, and the rows are counted again.

use aws_sdk_dynamodb::{
    error::{BuildError, SdkError},
    operation::put_item::PutItemError,
    types::{TransactWriteItem, Update},
};
use trichrome_aws::Failure;

use super::{
    attributes::{Item, number, number_of},
    failed,
    rows::{Rows, key_of},
};
use crate::{Error, Picture};

const BYTES: &str = "bytes";
const PICTURES: &str = "pictures";
/// How many rows have come and gone; missing until one does.
const CHANGES: &str = "changes";

/// What one user may store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// The sum of the pictures' sizes in bytes, without derivatives.
    pub bytes: u64,
    /// The number of pictures.
    pub pictures: u64,
}

/// What a user stores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) bytes: u64,
    pub(crate) pictures: u64,
}

impl Usage {
    /// The usage with one more picture.
    pub(crate) fn and(self, size_bytes: u32) -> Self {
        Self {
            bytes: self.bytes + u64::from(size_bytes),
            pictures: self.pictures + 1,
        }
    }

    /// Whether a quota allows this much.
    pub(crate) fn fits(self, quota: Quota) -> bool {
        self.bytes <= quota.bytes && self.pictures <= quota.pictures
    }
}

impl Rows {
    /// What a user stores. Counts it if there is no valid counter.
    pub(crate) async fn usage(&self, user_id: &str) -> Result<Usage, Error> {
        let counter = self.counter(user_id).await?;
        match counter.and_then(Counter::usage) {
            Some(usage) => Ok(usage),
            None => self.count(user_id, counter).await,
        }
    }

    /// What differs from all earlier values once a row of the user has come or gone; `None` without
    /// a counter.
    pub(crate) async fn revision(&self, user_id: &str) -> Result<Option<String>, Error> {
        let counter = self.counter(user_id).await?;
        // Functions from before the revision change only the counts.
        Ok(counter.map(|counter| {
            let Counter {
                bytes,
                pictures,
                changes,
            } = counter;
            format!("{changes}-{pictures}-{bytes}")
        }))
    }

    /// A user's counter, by a consistent read.
    async fn counter(&self, user_id: &str) -> Result<Option<Counter>, Error> {
        let output = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key(user_id)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| failed("read a user's counter", error))?;
        output.item.map(|item| counter(&item)).transpose()
    }

    /// Counts a user's rows and stores the counter in place of `invalid`, unless a concurrent call
    /// changed it.
    pub(super) async fn count(
        &self,
        user_id: &str,
        invalid: Option<Counter>,
    ) -> Result<Usage, Error> {
        let mut counted = Usage::default();
        let rows = self.query(user_id).projection_expression("size_bytes");
        let mut rows = rows.into_paginator().items().send();
        while let Some(row) = rows.next().await {
            let row = row.map_err(|error| failed("count a user's rows", Failure::from(error)))?;
            counted = counted.and(number_of(&row, "size_bytes")?);
        }
        let mut item = key(user_id);
        item.insert(BYTES.to_owned(), number(counted.bytes));
        item.insert(PICTURES.to_owned(), number(counted.pictures));
        if let Some(invalid) = invalid {
            item.insert(CHANGES.to_owned(), number(invalid.changes + 1));
        }
        let put = self.client.put_item().table_name(&self.table);
        let put = put.set_item(Some(item));
        let put = match invalid {
            None => put.condition_expression("attribute_not_exists(user_id)"),
            Some(Counter {
                bytes,
                pictures,
                changes,
            }) => put
                .condition_expression(
                    "#bytes = :bytes AND #pictures = :pictures \
                     AND (#changes = :changes OR attribute_not_exists(#changes))",
                )
                .expression_attribute_names("#changes", CHANGES)
                .expression_attribute_values(":changes", number(changes))
                .expression_attribute_names("#bytes", BYTES)
                .expression_attribute_names("#pictures", PICTURES)
                .expression_attribute_values(":bytes", number(bytes))
                .expression_attribute_values(":pictures", number(pictures)),
        };
        match put.send().await {
            Ok(_) => Ok(counted),
            Err(error) if is_other(&error) => {
                let counter = self.counter(user_id).await?;
                Ok(counter.and_then(Counter::usage).unwrap_or(counted))
            }
            Err(error) => Err(failed("store a user's counter", error)),
        }
    }

    /// The item of a transaction that counts a new picture, within the quota. Its condition fails
    /// also if there is no valid counter.
    pub(super) fn take(
        &self,
        picture: &Picture,
        quota: Quota,
    ) -> Result<TransactWriteItem, BuildError> {
        let size = u64::from(picture.size_bytes);
        // DynamoDB's conditions can't add, so the limits are those before the addition. Without a
        // counter or with a limit below zero, no number satisfies them.
        let most = |limit: u64, more: u64| match limit.checked_sub(more) {
            Some(most) => number(most),
            None => number(-1),
        };
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(key(&picture.user_id)))
            .update_expression(
                "SET #bytes = #bytes + :size, #pictures = #pictures + :one ADD #changes :one",
            )
            .condition_expression(
                "#bytes <= :most_bytes AND #pictures <= :most_pictures \
                 AND #bytes >= :zero AND #pictures >= :zero",
            )
            .expression_attribute_names("#bytes", BYTES)
            .expression_attribute_names("#pictures", PICTURES)
            .expression_attribute_names("#changes", CHANGES)
            .expression_attribute_values(":size", number(size))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":zero", number(0))
            .expression_attribute_values(":most_bytes", most(quota.bytes, size))
            .expression_attribute_values(":most_pictures", most(quota.pictures, 1))
            .build()?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// The item of a transaction that stops counting a picture. Its condition fails if there is no
    /// counter.
    pub(super) fn give_back(&self, picture: &Picture) -> Result<TransactWriteItem, BuildError> {
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(key(&picture.user_id)))
            .update_expression(
                "SET #bytes = #bytes - :size, #pictures = #pictures - :one ADD #changes :one",
            )
            .condition_expression("attribute_exists(user_id)")
            .expression_attribute_names("#bytes", BYTES)
            .expression_attribute_names("#pictures", PICTURES)
            .expression_attribute_names("#changes", CHANGES)
            .expression_attribute_values(":size", number(picture.size_bytes))
            .expression_attribute_values(":one", number(1))
            .build()?;
        Ok(TransactWriteItem::builder().update(update).build())
    }
}

/// The partition of a user's counter.
pub(super) fn partition(user_id: &str) -> String {
    format!("quota#{user_id}")
}

fn key(user_id: &str) -> Item {
    key_of(&partition(user_id), "quota".to_owned())
}

/// The numbers of a counter's item.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counter {
    bytes: i64,
    pictures: i64,
    /// How many rows have come and gone.
    changes: u64,
}

impl Counter {
    /// `None` if a number is below zero.
    fn usage(self) -> Option<Usage> {
        Some(Usage {
            bytes: self.bytes.try_into().ok()?,
            pictures: self.pictures.try_into().ok()?,
        })
    }
}

fn counter(item: &Item) -> Result<Counter, Error> {
    Ok(Counter {
        bytes: number_of(item, BYTES)?,
        pictures: number_of(item, PICTURES)?,
        changes: match item.contains_key(CHANGES) {
            true => number_of(item, CHANGES)?,
            false => 0,
        },
    })
}

/// Whether a put was refused because there is another counter.
fn is_other(error: &SdkError<PutItemError>) -> bool {
    matches!(
        error.as_service_error(),
        Some(PutItemError::ConditionalCheckFailedException(_))
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{USER, replay, row, row_error};

    #[test]
    fn a_quota_limits_bytes_and_pictures() {
        let quota = Quota {
            bytes: 10,
            pictures: 2,
        };
        let none = Usage::default();
        assert!(none.and(10).fits(quota));
        assert!(!none.and(11).fits(quota));
        assert!(none.and(1).and(1).fits(quota));
        assert!(!none.and(1).and(1).and(1).fits(quota));
    }

    #[tokio::test]
    async fn rows_from_before_are_counted_once() {
        let rows = |sizes: &[u32]| {
            let items: Vec<_> = sizes
                .iter()
                .map(|size| json!({"size_bytes": {"N": size.to_string()}}))
                .collect();
            items
        };
        let next = json!({"user_id": {"S": USER}, "picture_id": {"S": "1"}});
        let replay = replay(vec![
            row(json!({})),
            row(json!({"Items": rows(&[1, 2]), "LastEvaluatedKey": next})),
            row(json!({"Items": rows(&[3])})),
            row(json!({})),
        ]);
        let usage = replay.store.rows.usage(USER).await.unwrap();
        assert_eq!((usage.bytes, usage.pictures), (6, 3));
        assert_eq!(
            replay.operations(),
            ["GetItem", "Query", "Query", "PutItem"]
        );
        let put = replay.seen()[3].json();
        assert_eq!(put["Item"]["user_id"]["S"], format!("quota#{USER}"));
        assert_eq!(put["Item"]["bytes"]["N"], "6");
        assert_eq!(put["ConditionExpression"], "attribute_not_exists(user_id)");
    }

    /// Version 0.1 stored pictures that this one deleted.
    #[tokio::test]
    async fn a_counter_below_zero_is_counted_again() {
        let counter = |bytes: i64, pictures: i64| {
            let number = |number: i64| json!({"N": number.to_string()});
            row(json!({"Item": {"bytes": number(bytes), "pictures": number(pictures)}}))
        };
        for (bytes, pictures) in [(-7, -1), (-7, 0), (3, -1)] {
            let replay = replay(vec![
                counter(bytes, pictures),
                row(json!({"Items": [{"size_bytes": {"N": "5"}}]})),
                row(json!({})),
            ]);
            let usage = replay.store.rows.usage(USER).await.unwrap();
            assert_eq!((usage.bytes, usage.pictures), (5, 1));
            let put = replay.seen()[2].json();
            assert_eq!(
                put["ConditionExpression"],
                "#bytes = :bytes AND #pictures = :pictures \
                 AND (#changes = :changes OR attribute_not_exists(#changes))"
            );
            assert_eq!(put["Item"]["changes"]["N"], "1");
            let seen = &put["ExpressionAttributeValues"];
            assert_eq!(seen[":bytes"]["N"], bytes.to_string());
            assert_eq!(seen[":pictures"]["N"], pictures.to_string());
        }
    }

    #[tokio::test]
    async fn a_revision_has_the_changes_and_the_counts() {
        let counter = |changes: Option<u64>| {
            let mut item = json!({"bytes": {"N": "7"}, "pictures": {"N": "2"}});
            if let Some(changes) = changes {
                item["changes"] = json!({"N": changes.to_string()});
            }
            row(json!({ "Item": item }))
        };
        let replay = replay(vec![counter(Some(12)), counter(None), row(json!({}))]);
        let mut revisions = Vec::new();
        for _ in 0..3 {
            revisions.push(replay.store.revision(USER).await.unwrap());
        }
        let revisions: Vec<_> = revisions.iter().map(Option::as_deref).collect();
        assert_eq!(revisions, [Some("12-2-7"), Some("0-2-7"), None]);
        assert_eq!(replay.seen()[0].json()["ConsistentRead"], true);
    }

    #[tokio::test]
    async fn the_counter_of_a_concurrent_call_counts() {
        let counter = json!({"Item": {"bytes": {"N": "7"}, "pictures": {"N": "1"}}});
        let replay = replay(vec![
            row(json!({})),
            row(json!({"Items": []})),
            row_error(400, "ConditionalCheckFailedException"),
            row(counter),
        ]);
        let usage = replay.store.rows.usage(USER).await.unwrap();
        assert_eq!((usage.bytes, usage.pictures), (7, 1));
    }
}
