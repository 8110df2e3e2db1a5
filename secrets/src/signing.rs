//! Signed requests that are sent to somebody else, who passes them on to AWS or checks them as AWS
//! would: logins by AWS credentials.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{
        SignableBody, SignableRequest, SignatureLocation, SigningInstructions, SigningSettings,
        sign,
    },
    sign::v4,
};

/// Why signing failed. It contains no secret.
#[derive(Debug, thiserror::Error)]
#[error("cannot sign the request")]
pub struct SigningError(#[source] Box<dyn std::error::Error + Send + Sync>);

/// What is signed with, and for.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// The service's name in signatures, such as `sts`.
    pub service: &'a str,
    /// The region.
    pub region: &'a str,
    /// Whose signature it is.
    pub credentials: &'a Credentials,
    /// The time of the signature.
    pub now: SystemTime,
}

impl Scope<'_> {
    fn sign(
        &self,
        settings: SigningSettings,
        request: SignableRequest<'_>,
    ) -> Result<SigningInstructions, Box<dyn std::error::Error + Send + Sync>> {
        let identity = self.credentials.clone().into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name(self.service)
            .time(self.now)
            .settings(settings)
            .build()?
            .into();
        Ok(sign(request, &params)?.into_parts().0)
    }

    /// A presigned URL: a GET of `url` that is valid for `lifetime`. The URL's query must be
    /// percent-encoded as SigV4 does ([`escaped`]).
    ///
    /// # Errors
    ///
    /// The URL is invalid.
    pub fn presigned(&self, url: &str, lifetime: Duration) -> Result<String, SigningError> {
        let signed = || {
            let uri: http::Uri = url.parse()?;
            let host = uri.authority().ok_or("the URL has no host")?.as_str();
            let headers = [("host", host)];
            let body = SignableBody::Bytes(&[]);
            let request = SignableRequest::new("GET", url, headers.into_iter(), body)?;
            let mut settings = SigningSettings::default();
            settings.signature_location = SignatureLocation::QueryParams;
            settings.expires_in = Some(lifetime);
            let instructions = self.sign(settings, request)?;
            let mut request = http::Request::builder().uri(uri.clone()).body(())?;
            instructions.apply_to_request_http1x(&mut request);
            Ok(request.uri().to_string())
        };
        signed().map_err(SigningError)
    }

    /// The headers of a signed POST, those in `headers` included.
    ///
    /// # Errors
    ///
    /// The URL or a header is invalid.
    pub fn signed_post(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<http::HeaderMap, SigningError> {
        let signed = || {
            let signable = SignableBody::Bytes(body);
            let signed = SignableRequest::new("POST", url, headers.iter().copied(), signable)?;
            let instructions = self.sign(SigningSettings::default(), signed)?;
            let mut request = http::Request::post(url).body(())?;
            for (name, value) in headers {
                let name = http::HeaderName::try_from(*name)?;
                request.headers_mut().insert(name, (*value).try_into()?);
            }
            instructions.apply_to_request_http1x(&mut request);
            Ok(std::mem::take(request.headers_mut()))
        };
        signed().map_err(SigningError)
    }
}

/// Percent-encodes a query value as SigV4 does: all but the unreserved characters.
#[must_use]
pub fn escaped(value: &str) -> String {
    value.bytes().fold(String::new(), |mut text, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                text.push(char::from(byte));
            }
            _ => text.push_str(&format!("%{byte:02X}")),
        }
        text
    })
}
