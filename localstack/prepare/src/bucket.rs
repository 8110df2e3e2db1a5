//! The bucket of picture objects.

use anyhow::Context as _;
use aws_config::SdkConfig;
use aws_sdk_s3::{
    Client, config,
    types::{BucketLocationConstraint, CreateBucketConfiguration},
};

/// The region that `CreateBucket` refuses as a location constraint.
const DEFAULT_REGION: &str = "us-east-1";

/// Creates the bucket unless it exists.
///
/// # Errors
///
/// S3 can't be reached, or the name is taken.
pub async fn ensure(aws: &SdkConfig, bucket: &str) -> anyhow::Result<()> {
    // Local endpoints have no host name per bucket.
    let config = config::Builder::from(aws).force_path_style(true).build();
    let client = Client::from_conf(config);
    let found = client.head_bucket().bucket(bucket).send().await;
    match found {
        Ok(_) => return Ok(()),
        Err(error)
            if error
                .as_service_error()
                .is_some_and(|error| error.is_not_found()) => {}
        Err(error) => return Err(error).context("head bucket"),
    }
    let location = aws
        .region()
        .map(|region| region.as_ref())
        .filter(|region| *region != DEFAULT_REGION)
        .map(|region| {
            CreateBucketConfiguration::builder()
                .location_constraint(BucketLocationConstraint::from(region))
                .build()
        });
    client
        .create_bucket()
        .bucket(bucket)
        .set_create_bucket_configuration(location)
        .send()
        .await
        .context("create bucket")?;
    Ok(())
}
