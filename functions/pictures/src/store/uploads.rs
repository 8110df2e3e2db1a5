//! The items of uploads in the pictures table: what was declared at the beginning. DynamoDB deletes
//! them when they expire. The transaction that inserts the picture's row deletes the item.
//!
//! An upload that was aborted or refused keeps its item until then, so that a repeated call gets the
//! same answer.

use std::time::Duration;

use aws_sdk_dynamodb::{
    error::BuildError,
    types::{AttributeValue, Delete, Put, ReturnValue, TransactWriteItem},
};
use trichrome_aws::{Failure, TransactionError, transact};
use trichrome_users_table::user_exists;
use uuid::Uuid;

use super::{
    Layout, ObjectKey, OpenUpload,
    attributes::{
        EXPIRES_AT, Item, malformed, now, number, number_of, required_text, text, text_of,
    },
    derivation, failed,
    keys::KeyUse,
    rows::{Rows, broken, is_refused, key_of},
};
use crate::{Error, Picture, picture::Derivation};

const TITLE: &str = "title";
const CONTENT_TYPE: &str = "content_type";
const SIZE_BYTES: &str = "size_bytes";
const CHECKSUMS: &str = "checksums";
/// S3's id of the multipart upload.
const MULTIPART: &str = "upload_id";
/// Set while an upload is being aborted and from then on.
const ABORTED: &str = "aborted";
/// Why the file was refused.
const REFUSED: &str = "refused";

/// An upload that was begun and isn't complete.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Upload {
    pub(crate) id: Uuid,
    pub(crate) user_id: String,
    pub(crate) title: String,
    pub(crate) content_type: String,
    pub(crate) size_bytes: u32,
    /// The SHA-256 of each part in base64.
    pub(crate) checksums: Vec<String>,
    /// S3's id of the multipart upload, if there are several parts.
    pub(crate) multipart: Option<String>,
    /// In Unix seconds.
    pub(crate) expires_at: u64,
    pub(crate) end: Option<End>,
    /// What `pictures-derive` found out before the upload was complete.
    pub(crate) derivation: Derivation,
}

impl Upload {
    /// The number of parts.
    pub(crate) fn parts(&self) -> usize {
        self.checksums.len()
    }

    /// The multipart upload, if there are several parts.
    pub(crate) fn open_multipart(&self) -> Option<OpenUpload> {
        let key = ObjectKey::original(Layout::Prefixed, &self.user_id, self.id);
        self.multipart.as_ref().map(|upload_id| OpenUpload {
            key: key.to_string(),
            upload_id: upload_id.clone(),
        })
    }
}

/// How an upload ended without a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Aborted,
    /// The file was refused for this reason.
    Refused(String),
}

impl Rows {
    /// Stores a new upload and its idempotency key if its user exists.
    pub(crate) async fn begin_upload(
        &self,
        users_table: &str,
        upload: &Upload,
        key: Option<(&str, &KeyUse)>,
    ) -> Result<Begun, Error> {
        let doing = "store an upload";
        let items = || {
            let user = user_exists(users_table, &upload.user_id)?;
            let put = Put::builder()
                .table_name(&self.table)
                .set_item(Some(item(upload)))
                .build()?;
            let mut items = vec![
                TransactWriteItem::builder().condition_check(user).build(),
                TransactWriteItem::builder().put(put).build(),
            ];
            if let Some((key, used)) = key {
                items.push(self.put_key(&upload.user_id, key, used)?);
            }
            Ok(items)
        };
        let items = items().map_err(|error| broken(doing, error))?;
        match transact(&self.client, items, Some(upload.id.to_string())).await {
            Ok(()) => Ok(Begun::Done),
            Err(TransactionError::ConditionFailed { position: 0 }) => Ok(Begun::UserGone),
            Err(TransactionError::ConditionFailed { .. }) => Ok(Begun::KeyTaken),
            Err(TransactionError::Conflict(failure) | TransactionError::Failed(failure)) => {
                Err(failed(doing, failure))
            }
        }
    }

    /// An upload that isn't complete, by a consistent read; `None` also for one that has expired.
    pub(crate) async fn upload(&self, user_id: &str, id: Uuid) -> Result<Option<Upload>, Error> {
        let output = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key(user_id, id)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| failed("read an upload", error))?;
        let upload = output
            .item
            .map(|item| read(user_id, id, item))
            .transpose()?;
        Ok(upload.filter(|upload| upload.expires_at > now()))
    }

    /// The sizes of a user's open uploads.
    pub(crate) async fn open_upload_sizes(&self, user_id: &str) -> Result<Vec<u32>, Error> {
        let mut uploads = self
            .query(partition(user_id))
            .filter_expression(
                "expires_at > :now AND attribute_not_exists(aborted) AND \
                 attribute_not_exists(refused)",
            )
            .expression_attribute_values(":now", number(now()))
            .projection_expression(SIZE_BYTES)
            .into_paginator()
            .items()
            .send();
        let mut sizes = Vec::new();
        while let Some(upload) = uploads.next().await {
            let upload =
                upload.map_err(|error| failed("list a user's uploads", Failure::from(error)))?;
            sizes.push(number_of(&upload, SIZE_BYTES)?);
        }
        Ok(sizes)
    }

    /// Marks an upload as aborted, and returns it unless it is complete or expired.
    pub(crate) async fn abort_upload(
        &self,
        user_id: &str,
        id: Uuid,
    ) -> Result<Option<Upload>, Error> {
        self.end_upload(user_id, id, ABORTED, AttributeValue::Bool(true))
            .await
    }

    /// Remembers why the file of an upload is refused, and returns the upload unless it is complete
    /// or expired.
    pub(crate) async fn refuse_upload(
        &self,
        user_id: &str,
        id: Uuid,
        reason: &str,
    ) -> Result<Option<Upload>, Error> {
        self.end_upload(user_id, id, REFUSED, text(reason)).await
    }

    async fn end_upload(
        &self,
        user_id: &str,
        id: Uuid,
        attribute: &str,
        value: AttributeValue,
    ) -> Result<Option<Upload>, Error> {
        let ended = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(user_id, id)))
            .update_expression("SET #end = :end")
            .condition_expression("attribute_exists(picture_id) AND expires_at > :now")
            .expression_attribute_names("#end", attribute)
            .expression_attribute_values(":end", value)
            .expression_attribute_values(":now", number(now()))
            .return_values(ReturnValue::AllNew)
            .send()
            .await;
        match ended {
            Ok(output) => read(user_id, id, output.attributes.unwrap_or_default()).map(Some),
            Err(error) if is_refused(&error) => Ok(None),
            Err(error) => Err(failed("end an upload", error)),
        }
    }

    /// Sets what was found out about the picture of an upload, and returns whether there is such an
    /// upload.
    pub(crate) async fn set_upload_derivation(
        &self,
        user_id: &str,
        id: Uuid,
        derivation: &Derivation,
    ) -> Result<bool, Error> {
        let exists = "attribute_exists(picture_id)";
        self.derive_into(key(user_id, id), exists, derivation).await
    }

    /// The item of a transaction that deletes an upload. Its condition fails if the upload ended, or
    /// if there is more known of its picture than was read.
    pub(super) fn delete_upload(&self, picture: &Picture) -> Result<TransactWriteItem, BuildError> {
        let mut condition = "attribute_exists(picture_id) AND attribute_not_exists(aborted) AND \
             attribute_not_exists(refused)"
            .to_owned();
        let mut delete = Delete::builder()
            .table_name(&self.table)
            .set_key(Some(key(&picture.user_id, picture.id)));
        if picture.derivation == Derivation::Processing {
            condition.push_str(" AND attribute_not_exists(#state)");
            delete = delete.expression_attribute_names("#state", derivation::STATE);
        }
        let delete = delete.condition_expression(condition).build()?;
        Ok(TransactWriteItem::builder().delete(delete).build())
    }
}

/// How the storing of an upload ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begun {
    Done,
    /// The user doesn't exist or is being deleted.
    UserGone,
    /// The idempotency key is in use.
    KeyTaken,
}

/// The partition of a user's uploads.
pub(super) fn partition(user_id: &str) -> String {
    format!("upload#{user_id}")
}

fn key(user_id: &str, id: Uuid) -> Item {
    key_of(&partition(user_id), id.to_string())
}

fn item(upload: &Upload) -> Item {
    let mut item = key(&upload.user_id, upload.id);
    let checksums = upload.checksums.iter().map(text).collect();
    let attributes = [
        (TITLE, text(&upload.title)),
        (CONTENT_TYPE, text(&upload.content_type)),
        (SIZE_BYTES, number(upload.size_bytes)),
        (CHECKSUMS, AttributeValue::L(checksums)),
        (EXPIRES_AT, number(upload.expires_at)),
    ];
    item.extend(attributes.map(|(name, value)| (name.to_owned(), value)));
    if let Some(multipart) = &upload.multipart {
        item.insert(MULTIPART.to_owned(), text(multipart));
    }
    item
}

fn read(user_id: &str, id: Uuid, item: Item) -> Result<Upload, Error> {
    let Some(AttributeValue::L(checksums)) = item.get(CHECKSUMS) else {
        return Err(malformed());
    };
    let checksums = checksums.iter().map(|checksum| match checksum {
        AttributeValue::S(text) => Ok(text.clone()),
        _ => Err(malformed()),
    });
    let refused = text_of(&item, REFUSED)?.map(End::Refused);
    let aborted = item.contains_key(ABORTED).then_some(End::Aborted);
    Ok(Upload {
        id,
        user_id: user_id.to_owned(),
        title: required_text(&item, TITLE)?,
        content_type: required_text(&item, CONTENT_TYPE)?,
        size_bytes: number_of(&item, SIZE_BYTES)?,
        checksums: checksums.collect::<Result<_, _>>()?,
        multipart: text_of(&item, MULTIPART)?,
        expires_at: number_of(&item, EXPIRES_AT)?,
        end: refused.or(aborted),
        derivation: derivation::read(&item)?,
    })
}

/// When an upload that begins now expires, in Unix seconds.
pub(crate) fn expires_after(life: Duration) -> u64 {
    now() + life.as_secs()
}
