//! The service's stored data: S3 objects and DynamoDB rows.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, Result, ensure};
use aws_credential_types::Credentials;
use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, Select, WriteRequest};
use aws_sdk_s3::presigning::PresigningConfig;
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use uuid::Uuid;

use crate::{account::unused_name, images::Picture, stack::Description};

/// Clients of the stores.
pub struct Stored {
    s3: aws_sdk_s3::Client,
    dynamodb: aws_sdk_dynamodb::Client,
    bucket: String,
    pictures: String,
    users: String,
}

/// An S3 object.
#[derive(Debug)]
pub struct Object {
    pub bytes: Vec<u8>,
    pub content_type: String,
}

/// The number of stored items of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amount {
    /// S3 objects with pictures' bytes, without derivatives.
    pub objects: usize,
    /// Picture rows.
    pub rows: i32,
    /// Idempotency keys.
    pub keys: i32,
}

impl Amount {
    pub const NOTHING: Self = Self {
        objects: 0,
        rows: 0,
        keys: 0,
    };
}

impl Stored {
    pub(crate) fn new(description: &Description) -> Self {
        // Those of the stack. The local AWS checks them in presigned requests.
        let credentials = Credentials::new("local", "local", None, None, "tests");
        let http = Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let s3 = aws_sdk_s3::Config::builder()
            .behavior_version(aws_sdk_s3::config::BehaviorVersion::latest())
            .region(aws_sdk_s3::config::Region::new("us-east-1"))
            .credentials_provider(credentials.clone())
            .endpoint_url(&description.aws_endpoint)
            .http_client(http.clone())
            .force_path_style(true)
            .build();
        let dynamodb = aws_sdk_dynamodb::Config::builder()
            .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
            .region(aws_sdk_dynamodb::config::Region::new("us-east-1"))
            .credentials_provider(credentials)
            .endpoint_url(&description.aws_endpoint)
            .http_client(http)
            .build();
        Self {
            s3: aws_sdk_s3::Client::from_conf(s3),
            dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb),
            bucket: description.pictures_bucket.clone(),
            pictures: description.pictures_table.clone(),
            users: description.users_table.clone(),
        }
    }

    /// Reads the object of a picture.
    pub async fn object(&self, user_id: &str, picture_id: &str) -> Result<Object> {
        let key = format!("originals/{user_id}/{picture_id}");
        let object = self.s3.get_object().bucket(&self.bucket).key(&key).send();
        let object = object.await.with_context(|| format!("no object {key}"))?;
        Ok(Object {
            content_type: object.content_type().unwrap_or_default().to_owned(),
            bytes: object.body.collect().await?.to_vec(),
        })
    }

    /// Stores a picture as version 0.1.0 did: its object without a prefix, and its row without what
    /// is derived. Returns its id.
    pub async fn store_as_before(&self, user_id: &str, picture: &Picture) -> Result<String> {
        let id = Uuid::now_v7().to_string();
        let content_type = picture.format.content_type();
        self.s3
            .put_object()
            .bucket(&self.bucket)
            .key(format!("{user_id}/{id}"))
            .content_type(content_type)
            .body(picture.bytes.clone().into())
            .send()
            .await?;
        let text = |value: &str| AttributeValue::S(value.to_owned());
        let number = |value: usize| AttributeValue::N(value.to_string());
        let item = [
            ("user_id", text(user_id)),
            ("picture_id", text(&id)),
            ("title", text("from before")),
            ("content_type", text(content_type)),
            ("size_bytes", number(picture.bytes.len())),
            ("width", number(picture.width.try_into()?)),
            ("height", number(picture.height.try_into()?)),
            ("created_at", text("2026-01-01T00:00:00Z")),
        ];
        let item = item.map(|(name, value)| (name.to_owned(), value));
        let put = self.dynamodb.put_item().table_name(&self.pictures);
        put.set_item(Some(item.into())).send().await?;
        Ok(id)
    }

    /// Stores the items that version 0.1 stored of a user, with another id and name. `recorded` has
    /// the text attributes of both. Returns id and name.
    pub async fn store_user_as_before(&self, recorded: &str) -> Result<(String, String)> {
        let recorded: BTreeMap<String, BTreeMap<String, String>> = serde_json::from_str(recorded)?;
        let (id, name) = (Uuid::new_v4().to_string(), unused_name());
        for (kind, mut item) in recorded {
            let key = match kind.as_str() {
                "user" => {
                    item.insert("id".to_owned(), id.clone());
                    item.insert("username".to_owned(), name.clone());
                    format!("user#{id}")
                }
                _ => {
                    item.insert("user_id".to_owned(), id.clone());
                    format!("name#{name}")
                }
            };
            item.insert("pk".to_owned(), key);
            let item = item
                .into_iter()
                .map(|(name, value)| (name, AttributeValue::S(value)));
            let put = self.dynamodb.put_item().table_name(&self.users);
            put.set_item(Some(item.collect())).send().await?;
        }
        Ok((id, name))
    }

    /// Counts the stored items of a user.
    pub async fn amount(&self, user_id: &str) -> Result<Amount> {
        Ok(Amount {
            objects: self.objects(user_id).await?,
            rows: self.rows(&self.pictures, "user_id", user_id).await?,
            keys: self
                .rows(&self.pictures, "user_id", &format!("idem#{user_id}"))
                .await?,
        })
    }

    /// Whether a user has a row.
    pub async fn has_user(&self, user_id: &str) -> Result<bool> {
        let rows = self
            .rows(&self.users, "pk", &format!("user#{user_id}"))
            .await?;
        Ok(rows == 1)
    }

    /// Whether a username is taken.
    pub async fn has_name(&self, username: &str) -> Result<bool> {
        let rows = self
            .rows(&self.users, "pk", &format!("name#{username}"))
            .await?;
        Ok(rows == 1)
    }

    /// Checks the number of stored items of a user.
    pub async fn holds(&self, user_id: &str, expected: Amount) -> Result<()> {
        let amount = self.amount(user_id).await?;
        ensure!(
            amount == expected,
            "stored for {user_id}: {amount:?}, expected {expected:?}"
        );
        Ok(())
    }

    /// Writes rows of pictures that were taken in the months of 2020 and are ready, without objects.
    pub async fn seed(&self, user_id: &str, pictures: usize, months: usize) -> Result<()> {
        let text = |text: String| AttributeValue::S(text);
        let number = |number: usize| AttributeValue::N(number.to_string());
        let row = |n: usize| {
            let (month, day) = (n % months + 1, n / months % 28 + 1);
            let taken = format!(
                "2020-{month:02}-{day:02}T12:{:02}:{:02}+02:00",
                n / 60 % 60,
                n % 60
            );
            let row = [
                ("user_id", text(user_id.to_owned())),
                ("picture_id", text(uuid::Uuid::now_v7().to_string())),
                ("title", text(format!("IMG_{n:04}.jpg"))),
                ("content_type", text("image/jpeg".to_owned())),
                ("size_bytes", number(3_000_000 + n)),
                ("width", number(4000)),
                ("height", number(3000)),
                ("layout", text("prefixed".to_owned())),
                ("state", text("ready".to_owned())),
                ("displayed_width", number(3000)),
                ("displayed_height", number(4000)),
                ("taken_at", text(taken)),
                (
                    "placeholder",
                    text("1QcSHQRnh493V4dIh4eXh1h4kJUI".to_owned()),
                ),
                ("created_at", text("2026-07-14T18:03:21.250Z".to_owned())),
            ];
            row.map(|(name, value)| (name.to_owned(), value)).into()
        };
        let rows: Vec<HashMap<_, _>> = (0..pictures).map(row).collect();
        // The most that a BatchWriteItem takes.
        for rows in rows.chunks(25) {
            let put = rows.iter().map(|row| {
                let put = PutRequest::builder().set_item(Some(row.clone())).build()?;
                Ok(WriteRequest::builder().put_request(put).build())
            });
            let put = put.collect::<Result<Vec<_>>>()?;
            let write = self.dynamodb.batch_write_item();
            let written = write.request_items(&self.pictures, put).send().await?;
            let left = written.unprocessed_items().is_none_or(|it| it.is_empty());
            ensure!(left, "DynamoDB left rows unprocessed");
        }
        Ok(())
    }

    async fn objects(&self, user_id: &str) -> Result<usize> {
        let listed = self
            .s3
            .list_objects_v2()
            .bucket(&self.bucket)
            .prefix(format!("originals/{user_id}/"))
            .send()
            .await?;
        Ok(listed.contents().len())
    }

    /// Counts the derivatives of a user's pictures.
    pub async fn derivatives(&self, user_id: &str) -> Result<usize> {
        let listed = self
            .s3
            .list_objects_v2()
            .bucket(&self.bucket)
            .prefix(format!("derived/{user_id}/"))
            .send()
            .await?;
        Ok(listed.contents().len())
    }

    /// Counts the uploads of a user that aren't complete: their items, and S3's multipart uploads.
    pub async fn open_uploads(&self, user_id: &str) -> Result<(i32, usize)> {
        let items = self
            .rows(&self.pictures, "user_id", &format!("upload#{user_id}"))
            .await?;
        let listed = self
            .s3
            .list_multipart_uploads()
            .bucket(&self.bucket)
            .prefix(format!("originals/{user_id}/"))
            .send()
            .await?;
        Ok((items, listed.uploads().len()))
    }

    /// What a user's counter says: bytes and pictures.
    pub async fn usage(&self, user_id: &str) -> Result<Option<(u64, u64)>> {
        let read = self
            .dynamodb
            .get_item()
            .table_name(&self.pictures)
            .set_key(Some(counter(user_id)))
            .consistent_read(true)
            .send()
            .await?;
        let number = |name: &str| -> Result<u64> {
            let item = read.item().context("no counter")?;
            let value = item.get(name).and_then(|value| value.as_n().ok());
            Ok(value.with_context(|| format!("no {name}"))?.parse()?)
        };
        Ok(match read.item() {
            None => None,
            Some(_) => Some((number("bytes")?, number("pictures")?)),
        })
    }

    /// Changes a user's counter, or removes it.
    pub async fn set_usage(&self, user_id: &str, usage: Option<(u64, u64)>) -> Result<()> {
        let Some((bytes, pictures)) = usage else {
            let delete = self.dynamodb.delete_item().table_name(&self.pictures);
            delete.set_key(Some(counter(user_id))).send().await?;
            return Ok(());
        };
        let mut item = counter(user_id);
        item.insert("bytes".to_owned(), AttributeValue::N(bytes.to_string()));
        item.insert(
            "pictures".to_owned(),
            AttributeValue::N(pictures.to_string()),
        );
        let put = self.dynamodb.put_item().table_name(&self.pictures);
        put.set_item(Some(item)).send().await?;
        Ok(())
    }

    /// A presigned PUT of a picture's bytes whose 15 minutes ended a minute ago: its URL and its
    /// headers.
    pub async fn expired_put(
        &self,
        user_id: &str,
        picture: &Picture,
        picture_id: &str,
    ) -> Result<(String, Vec<(String, String)>)> {
        const LIFE: Duration = Duration::from_secs(15 * 60);
        let config = PresigningConfig::builder()
            .start_time(SystemTime::now() - LIFE - Duration::from_secs(60))
            .expires_in(LIFE)
            .build()?;
        let signed = self
            .s3
            .put_object()
            .bucket(&self.bucket)
            .key(format!("originals/{user_id}/{picture_id}"))
            .content_type(picture.format.content_type())
            .content_length(picture.bytes.len().try_into()?)
            .set_checksum_sha256(picture.checksums().pop())
            .if_none_match("*")
            .presigned(config)
            .await?;
        let headers = signed
            .headers()
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        Ok((signed.uri().to_owned(), headers.collect()))
    }

    async fn rows(&self, table: &str, attribute: &str, value: &str) -> Result<i32> {
        let query = self
            .dynamodb
            .query()
            .table_name(table)
            .key_condition_expression("#k = :v")
            .expression_attribute_names("#k", attribute)
            .expression_attribute_values(":v", AttributeValue::S(value.to_owned()))
            .consistent_read(true)
            .select(Select::Count)
            .send();
        Ok(query.await?.count())
    }
}

/// The key of a user's counter.
fn counter(user_id: &str) -> HashMap<String, AttributeValue> {
    HashMap::from([
        (
            "user_id".to_owned(),
            AttributeValue::S(format!("quota#{user_id}")),
        ),
        (
            "picture_id".to_owned(),
            AttributeValue::S("quota".to_owned()),
        ),
    ])
}
