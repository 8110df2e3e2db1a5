//! Presigned requests: what a client needs to read or write one object, without a function in
//! between.
//!
//! A signature covers the address, so requests are signed for the one that clients use. It also
//! covers the listed headers: S3 refuses a request whose length, type or checksum differ.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_s3::{
    Client,
    config::{Builder, RequestChecksumCalculation},
    presigning::{PresignedRequest, PresigningConfig},
};
use aws_types::SdkConfig;

use super::{ObjectKey, failed};
use crate::Error;

/// The interval of signatures' times for links. A link is valid for at most this time less than it
/// could be.
const WINDOW: Duration = Duration::from_secs(15 * 60);

/// Signs requests for clients. Signing needs no network.
#[derive(Clone, Debug)]
pub(crate) struct Presigner {
    client: Client,
    bucket: String,
}

/// A signed request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Presigned {
    pub(crate) method: String,
    pub(crate) url: String,
    /// The headers that the request must have, besides `host` and `content-length`, which every
    /// HTTP client sets. The signature covers these two, too.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) expires_at: SystemTime,
}

/// How the response to a presigned GET differs from the stored object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ResponseHeaders {
    pub(crate) cache_control: Option<String>,
    pub(crate) content_disposition: Option<String>,
    pub(crate) content_type: Option<String>,
}

/// What a presigned upload is pinned to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pins<'a> {
    /// The size in bytes.
    pub(crate) size: u32,
    /// The SHA-256 in base64.
    pub(crate) checksum: &'a str,
}

impl Presigner {
    /// Signs for this bucket at `public_url`, else at the configuration's endpoint, else at AWS's.
    pub(crate) fn new(config: &SdkConfig, bucket: String, public_url: Option<String>) -> Self {
        let endpoint = public_url.or_else(|| config.endpoint_url().map(str::to_owned));
        let mut config = Builder::from(config)
            // AWS has a host name for each bucket, other stores don't.
            .force_path_style(endpoint.is_some())
            // A checksum that isn't the caller's would be that of an empty body.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired);
        config.set_endpoint_url(endpoint);
        Self {
            client: Client::from_conf(config.build()),
            bucket,
        }
    }

    /// Signs the reading of an object. The signature's time is the start of a [`WINDOW`], so that
    /// links of one window and one function's environment are equal: a browser knows the bytes that
    /// it has.
    pub(crate) async fn get(
        &self,
        key: ObjectKey<'_>,
        response: ResponseHeaders,
        valid: Duration,
    ) -> Result<Presigned, Error> {
        let (config, expires_at) = times(window(SystemTime::now()), valid)?;
        let signed = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(key.to_string())
            .set_response_cache_control(response.cache_control)
            .set_response_content_disposition(response.content_disposition)
            .set_response_content_type(response.content_type)
            .presigned(config)
            .await
            .map_err(|error| failed("sign a link", error))?;
        Ok(presigned(&signed, expires_at))
    }

    /// Signs the upload of an object that doesn't exist yet.
    pub(crate) async fn put(
        &self,
        key: ObjectKey<'_>,
        content_type: &str,
        pins: Pins<'_>,
        valid: Duration,
    ) -> Result<Presigned, Error> {
        let (config, expires_at) = times(SystemTime::now(), valid)?;
        let signed = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(key.to_string())
            .content_type(content_type)
            .content_length(pins.size.into())
            .checksum_sha256(pins.checksum)
            .if_none_match("*")
            .presigned(config)
            .await
            .map_err(|error| failed("sign an upload", error))?;
        Ok(presigned(&signed, expires_at))
    }

    /// Signs the upload of a part.
    pub(crate) async fn part(
        &self,
        key: ObjectKey<'_>,
        upload_id: &str,
        number: i32,
        pins: Pins<'_>,
        valid: Duration,
    ) -> Result<Presigned, Error> {
        let (config, expires_at) = times(SystemTime::now(), valid)?;
        let signed = self
            .client
            .upload_part()
            .bucket(&self.bucket)
            .key(key.to_string())
            .upload_id(upload_id)
            .part_number(number)
            .content_length(pins.size.into())
            .checksum_sha256(pins.checksum)
            .presigned(config)
            .await
            .map_err(|error| failed("sign an upload", error))?;
        Ok(presigned(&signed, expires_at))
    }
}

/// The start of the window that a time is in.
pub(super) fn window(time: SystemTime) -> SystemTime {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    UNIX_EPOCH + Duration::from_secs(since.as_secs() / WINDOW.as_secs() * WINDOW.as_secs())
}

fn times(start: SystemTime, valid: Duration) -> Result<(PresigningConfig, SystemTime), Error> {
    let config = PresigningConfig::builder()
        .start_time(start)
        .expires_in(valid)
        .build()
        .map_err(|error| Error::Internal {
            doing: "sign a request",
            source: Box::new(error),
        })?;
    Ok((config, start + valid))
}

fn presigned(signed: &PresignedRequest, expires_at: SystemTime) -> Presigned {
    let headers = signed
        .headers()
        .filter(|(name, _)| !["content-length", "host"].contains(name))
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    Presigned {
        method: signed.method().to_owned(),
        url: signed.uri().to_owned(),
        headers: headers.collect(),
        expires_at,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
    use aws_sdk_s3::config::{BehaviorVersion, Region};

    use super::*;
    use crate::store::Layout;

    const MINUTES: Duration = Duration::from_secs(15 * 60);
    const SHA256: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

    fn presigner(endpoint: Option<&str>, public_url: Option<&str>) -> Presigner {
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::for_tests()));
        config.set_endpoint_url(endpoint.map(str::to_owned));
        Presigner::new(
            &config.build(),
            "bytes".to_owned(),
            public_url.map(str::to_owned),
        )
    }

    fn key() -> ObjectKey<'static> {
        let id = "0190b6a0-1234-7000-8000-000000000001".parse().unwrap();
        ObjectKey::original(Layout::Prefixed, "u", id)
    }

    fn pins() -> Pins<'static> {
        Pins {
            size: 5,
            checksum: SHA256,
        }
    }

    /// The headers that a URL's signature covers.
    fn signed_headers(url: &str) -> BTreeSet<&str> {
        let query = url.split_once('?').unwrap().1;
        let names = query
            .split('&')
            .find_map(|pair| pair.strip_prefix("X-Amz-SignedHeaders="));
        names.unwrap().split("%3B").collect()
    }

    #[tokio::test]
    async fn an_upload_is_pinned_to_its_size_type_and_checksum() {
        let signed = presigner(None, None)
            .put(key(), "image/png", pins(), MINUTES)
            .await
            .unwrap();
        assert_eq!(signed.method, "PUT");
        let covered = signed_headers(&signed.url);
        assert_eq!(
            covered,
            BTreeSet::from([
                "content-length",
                "content-type",
                "host",
                "if-none-match",
                "x-amz-checksum-sha256"
            ])
        );
        let headers: BTreeSet<_> = signed
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(
            headers,
            BTreeSet::from([
                ("content-type", "image/png"),
                ("if-none-match", "*"),
                ("x-amz-checksum-sha256", SHA256),
            ])
        );
        assert!(signed.url.contains("X-Amz-Expires=900"), "{}", signed.url);
        assert!(!signed.url.contains("crc32"), "{}", signed.url);
    }

    #[tokio::test]
    async fn a_part_is_pinned_to_its_size_and_checksum() {
        let signed = presigner(None, None)
            .part(key(), "an-upload", 3, pins(), MINUTES)
            .await
            .unwrap();
        assert!(signed.url.contains("partNumber=3"), "{}", signed.url);
        assert!(signed.url.contains("uploadId=an-upload"), "{}", signed.url);
        assert_eq!(
            signed_headers(&signed.url),
            BTreeSet::from(["content-length", "host", "x-amz-checksum-sha256"])
        );
        assert_eq!(
            signed.headers,
            [("x-amz-checksum-sha256".to_owned(), SHA256.to_owned())]
        );
    }

    #[test]
    fn links_of_one_window_are_signed_at_its_start() {
        let start = UNIX_EPOCH + WINDOW * 1000;
        for later in [0, 1, 899] {
            assert_eq!(window(start + Duration::from_secs(later)), start);
        }
        assert_eq!(window(start + WINDOW), start + WINDOW);
    }

    #[tokio::test]
    async fn links_are_signed_for_the_address_of_clients() {
        const PATH: &str = "originals/u/0190b6a0-1234-7000-8000-000000000001?";
        for (endpoint, public_url, expected) in [
            (None, None, "https://bytes.s3.eu-west-1.amazonaws.com/"),
            (Some("http://aws:4566"), None, "http://aws:4566/bytes/"),
            (
                Some("http://aws:4566"),
                Some("http://localhost:4566"),
                "http://localhost:4566/bytes/",
            ),
            (
                None,
                Some("https://s3.example"),
                "https://s3.example/bytes/",
            ),
        ] {
            let response = ResponseHeaders {
                cache_control: Some("private".to_owned()),
                ..ResponseHeaders::default()
            };
            let signed = presigner(endpoint, public_url)
                .get(key(), response, MINUTES)
                .await
                .unwrap();
            let url = signed.url.as_str();
            assert!(url.starts_with(&format!("{expected}{PATH}")), "{url}");
            assert!(url.contains("response-cache-control=private"), "{url}");
            assert_eq!((signed.method.as_str(), signed.headers.len()), ("GET", 0));
        }
    }
}
