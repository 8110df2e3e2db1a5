//! Storing pictures: bytes in S3, rows with metadata in DynamoDB.
//!
//! A row is inserted after its object and deleted after it, so that every row has its object.
//! There may be objects without a row. Each operation avoids them as it documents,
//! [`PictureStore::sweep`] deletes those of processes that ended in between, and
//! [`PictureStore::purge`] deletes them with their user.

mod attributes;
mod cloudfront;
mod derivation;
mod derivatives;
mod edge;
mod insert;
mod keys;
mod multipart;
mod object_key;
mod objects;
mod presign;
mod quota;
mod rows;
mod timeline;
mod uploads;

use aws_types::SdkConfig;
use trichrome_aws::Failure;
use trichrome_secrets::Secret;

pub(crate) use self::{
    derivatives::{CACHE_CONTROL, DERIVATIVE_TYPE},
    edge::Edge,
    insert::{Insertion, NotInserted, Source},
    keys::{Creation, KeyUse, Keyed},
    multipart::{Marker, OpenUpload, StoredPart},
    objects::Objects,
    presign::{Pins, Presigned, Presigner, ResponseHeaders},
    rows::{READ_BATCH, Rows},
    uploads::{Begun, End, Upload, expires_after},
};
pub use self::{
    object_key::{Content, Derivative, Layout, ORIGINALS, ObjectKey},
    quota::Quota,
};
use crate::Error;

/// The names of table and bucket, and the address of S3 for clients.
#[derive(Clone, Debug)]
pub struct Places {
    /// The DynamoDB table of pictures (`PICTURES_TABLE`).
    pub table: String,
    /// The S3 bucket of pictures (`PICTURES_BUCKET`).
    pub bucket: String,
    /// The address where clients reach S3 (`S3_PUBLIC_URL`), if they need another than the
    /// functions.
    pub public_url: Option<String>,
}

/// All pictures of all users.
#[derive(Clone, Debug)]
pub struct PictureStore {
    pub(crate) rows: Rows,
    pub(crate) objects: Objects,
    pub(crate) presigner: Presigner,
    /// Where links lead, if not to S3.
    pub(crate) edge: Option<Edge>,
}

impl PictureStore {
    /// A store in this table and bucket. Opens no connection.
    pub fn new(dynamodb: &SdkConfig, s3: &SdkConfig, places: Places) -> Self {
        Self {
            rows: Rows::new(dynamodb, places.table),
            presigner: Presigner::new(s3, places.bucket.clone(), places.public_url),
            objects: Objects::new(s3, places.bucket),
            edge: None,
        }
    }

    /// The state of a user's pictures: a text that differs from all earlier ones once a picture has
    /// been added or deleted, by a consistent read. Titles and derivatives don't change it. `None` if
    /// the user's pictures are from before there was a counter, or are being purged.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn revision(&self, user_id: &str) -> Result<Option<String>, Error> {
        self.rows.revision(user_id).await
    }

    /// The same store with links to `base`, an origin without a path that CloudFront serves from the
    /// bucket, signed with the key in a secret. Uploads go to S3 still.
    #[must_use]
    pub fn with_edge(self, base: String, key: Secret) -> Self {
        Self {
            edge: Some(Edge::new(base, key)),
            ..self
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
