//! The bucket of picture objects.

use anyhow::Context as _;
use aws_config::SdkConfig;
use aws_sdk_s3::{
    Client, config,
    types::{BucketLocationConstraint, CreateBucketConfiguration},
};

/// The one region that must not be named when a bucket is made there.
const UNNAMED_REGION: &str = "us-east-1";

/// Makes the bucket unless it is there.
///
/// # Errors
///
/// S3 does not answer, or the name is somebody else's.
pub async fn ensure(aws: &SdkConfig, bucket: &str) -> anyhow::Result<()> {
    // A local endpoint has no host name for each bucket.
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
    let place = aws
        .region()
        .map(|region| region.as_ref())
        .filter(|region| *region != UNNAMED_REGION)
        .map(|region| {
            CreateBucketConfiguration::builder()
                .location_constraint(BucketLocationConstraint::from(region))
                .build()
        });
    client
        .create_bucket()
        .bucket(bucket)
        .set_create_bucket_configuration(place)
        .send()
        .await
        .context("create bucket")?;
    Ok(())
}
