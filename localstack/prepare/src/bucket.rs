//! The bucket of picture objects: its events, and the origins that may use it.

use anyhow::Context as _;
use aws_config::SdkConfig;
use aws_sdk_s3::{
    Client, config,
    types::{
        BucketLocationConstraint, CorsConfiguration, CorsRule, CreateBucketConfiguration, Event,
        FilterRule, FilterRuleName, NotificationConfiguration, NotificationConfigurationFilter,
        QueueConfiguration, S3KeyFilter,
    },
};

/// The region that `CreateBucket` refuses as a location constraint.
const DEFAULT_REGION: &str = "us-east-1";

/// The prefix of the objects whose creation is notified, as in `template.yaml`. Derivatives are
/// elsewhere: otherwise each would cause an event itself.
const NOTIFIED: &str = "originals/";

/// How long a browser may remember what an origin may do, in seconds, as in `template.yaml`.
const CORS_MAX_AGE: i32 = 3600;

/// The pictures bucket.
#[derive(Clone, Debug)]
pub struct Bucket {
    client: Client,
    name: String,
    region: Option<String>,
}

impl Bucket {
    /// A client of the bucket with this name.
    pub fn new(aws: &SdkConfig, name: &str) -> Self {
        // Local endpoints have no host name per bucket.
        let config = config::Builder::from(aws).force_path_style(true).build();
        Self {
            client: Client::from_conf(config),
            name: name.to_owned(),
            region: aws.region().map(|region| region.as_ref().to_owned()),
        }
    }

    /// Creates the bucket unless it exists.
    ///
    /// # Errors
    ///
    /// S3 can't be reached, or the name is taken.
    pub async fn ensure(&self) -> anyhow::Result<()> {
        let found = self.client.head_bucket().bucket(&self.name).send().await;
        match found {
            Ok(_) => return Ok(()),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_not_found()) => {}
            Err(error) => return Err(error).context("head bucket"),
        }
        let location = self
            .region
            .as_deref()
            .filter(|region| *region != DEFAULT_REGION)
            .map(|region| {
                CreateBucketConfiguration::builder()
                    .location_constraint(BucketLocationConstraint::from(region))
                    .build()
            });
        self.client
            .create_bucket()
            .bucket(&self.name)
            .set_create_bucket_configuration(location)
            .send()
            .await
            .context("create bucket")?;
        Ok(())
    }

    /// Sends an event of every new original to the queue with this ARN.
    ///
    /// # Errors
    ///
    /// S3 can't be reached, or may not send to the queue.
    pub async fn notify(&self, queue_arn: &str) -> anyhow::Result<()> {
        let wanted = notification(queue_arn)?;
        let current = self
            .client
            .get_bucket_notification_configuration()
            .bucket(&self.name)
            .send()
            .await
            .context("read the bucket's notifications")?;
        // S3 sends a test event whenever it is configured.
        if current.queue_configurations() == [wanted.clone()] {
            return Ok(());
        }
        self.client
            .put_bucket_notification_configuration()
            .bucket(&self.name)
            .notification_configuration(
                NotificationConfiguration::builder()
                    .queue_configurations(wanted)
                    .build(),
            )
            .send()
            .await
            .context("configure the bucket's notifications")?;
        Ok(())
    }

    /// Allows pages of these origins to upload and download by presigned requests.
    ///
    /// # Errors
    ///
    /// S3 can't be reached.
    pub async fn allow_origins(&self, origins: &[String]) -> anyhow::Result<()> {
        let list = |values: &[&str]| Some(values.iter().map(|value| (*value).to_owned()).collect());
        let rule = CorsRule::builder()
            .set_allowed_origins(Some(origins.to_vec()))
            .set_allowed_methods(list(&["GET", "HEAD", "PUT"]))
            .set_allowed_headers(list(&["*"]))
            .set_expose_headers(list(&["ETag", "x-amz-checksum-sha256"]))
            .max_age_seconds(CORS_MAX_AGE)
            .build()?;
        self.client
            .put_bucket_cors()
            .bucket(&self.name)
            .cors_configuration(CorsConfiguration::builder().cors_rules(rule).build()?)
            .send()
            .await
            .context("configure the bucket's CORS")?;
        Ok(())
    }
}

fn notification(queue_arn: &str) -> anyhow::Result<QueueConfiguration> {
    let prefix = FilterRule::builder()
        .name(FilterRuleName::Prefix)
        .value(NOTIFIED)
        .build();
    let filter = NotificationConfigurationFilter::builder()
        .key(S3KeyFilter::builder().filter_rules(prefix).build())
        .build();
    QueueConfiguration::builder()
        .id("originals")
        .queue_arn(queue_arn)
        .events(Event::S3ObjectCreated)
        .filter(filter)
        .build()
        .context("a notification")
}
