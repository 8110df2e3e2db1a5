//! The service's stored data: S3 objects and DynamoDB rows.

use anyhow::{Context as _, Result, ensure};
use aws_credential_types::Credentials;
use aws_sdk_dynamodb::types::{AttributeValue, Select};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};

use crate::stack::Description;

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
    /// S3 objects.
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
        // The local AWS accepts any credentials.
        let credentials = Credentials::new("test", "test", None, None, "tests");
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
        let key = format!("{user_id}/{picture_id}");
        let object = self.s3.get_object().bucket(&self.bucket).key(&key).send();
        let object = object.await.with_context(|| format!("no object {key}"))?;
        Ok(Object {
            content_type: object.content_type().unwrap_or_default().to_owned(),
            bytes: object.body.collect().await?.to_vec(),
        })
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

    async fn objects(&self, user_id: &str) -> Result<usize> {
        let listed = self
            .s3
            .list_objects_v2()
            .bucket(&self.bucket)
            .prefix(format!("{user_id}/"))
            .send()
            .await?;
        Ok(listed.contents().len())
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
