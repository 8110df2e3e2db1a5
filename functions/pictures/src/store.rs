//! Where pictures are kept: bytes in S3, rows in DynamoDB.
//!
//! A row is written after its object and removed after it, so that a row always has its
//! object. What that leaves open is an object without a row: each operation says how it
//! takes care of that, [`PictureStore::sweep`] finds what a process left that was ended in
//! between, and [`PictureStore::purge`] takes all with its user.

mod insert;
mod objects;
mod rows;

use aws_types::SdkConfig;
use trichrome_aws::Failure;

pub(crate) use self::{
    insert::{Insertion, KeyUse, NotInserted},
    objects::{Objects, key, owner_and_picture},
    rows::{READ_BATCH, Rows},
};
use crate::Error;

/// Where the rows and the objects are.
#[derive(Clone, Debug)]
pub struct Places {
    /// The DynamoDB table of pictures (`PICTURES_TABLE`).
    pub table: String,
    /// The S3 bucket of pictures (`PICTURES_BUCKET`).
    pub bucket: String,
}

/// All pictures of all users.
#[derive(Clone, Debug)]
pub struct PictureStore {
    pub(crate) rows: Rows,
    pub(crate) objects: Objects,
}

impl PictureStore {
    /// A store in these places. Opens no connection.
    pub fn new(dynamodb: &SdkConfig, s3: &SdkConfig, places: Places) -> Self {
        Self {
            rows: Rows::new(dynamodb, places.table),
            objects: Objects::new(s3, places.bucket),
        }
    }
}

/// The error for a failed request. `doing` completes "could not …".
pub(crate) fn failed(doing: &'static str, failure: impl Into<Failure>) -> Error {
    let failure = failure.into();
    let is_transient = failure.is_transient();
    let source = Box::new(failure);
    if is_transient {
        Error::Unavailable { doing, source }
    } else {
        Error::Internal { doing, source }
    }
}
