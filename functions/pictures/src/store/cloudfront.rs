//! Signed links through CloudFront, instead of presigned requests to S3.
//!
//! CloudFront answers a request whose URL is signed with a key that it knows, and fetches the object
//! with a signature of its own (origin access control). It keeps objects near their viewers, by their
//! path and the `response-…` parameters, which it passes on to S3; the signature isn't part of that.
//!
//! The policy is the "canned" one: one URL, until a time. CloudFront derives it from the URL, so it
//! isn't sent. The signature is ECDSA over P-256 and SHA-256, by ring: a page of pictures needs
//! hundreds of them, each of which takes ring a fraction of the time of portable code.
//!
//! Source: AWS, "Create a signed URL using a canned policy",
//! <https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-creating-signed-url-canned-policy.html>

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair},
};
use serde::Deserialize;

use super::{ObjectKey, Presigned, ResponseHeaders, presign::window};

/// All but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The same within a path.
const RESERVED_IN_PATH: &AsciiSet = &RESERVED.remove(b'/');

/// The most signatures that are remembered: a few megabytes, and the pictures of several users.
const REMEMBERED: usize = 4096;

/// A private key, and the id that CloudFront gave its public key. Its `Debug` is redacted.
pub(crate) struct LinkKey {
    id: String,
    pair: EcdsaKeyPair,
    recent: Mutex<Recent>,
}

/// The signatures of one expiry, by what is signed. ECDSA makes another signature each time; the
/// same link has the same one, so that browsers know the bytes that they have.
#[derive(Default)]
struct Recent {
    expires: u64,
    signatures: HashMap<String, String>,
}

/// Why a secret has no key. Contains no part of the secret.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidLinkKey {
    /// The secret isn't JSON of the right form.
    #[error("not JSON of the form {{key_pair_id, private_key_pem}}, at line {0} column {1}")]
    Form(usize, usize),
    /// The id is empty, or has characters that ids don't have.
    #[error("key_pair_id is not the id of a public key at CloudFront")]
    Id,
    /// The private key isn't one.
    #[error("private_key_pem is not a P-256 key in PKCS#8 with its public key")]
    Key,
}

/// A link can't be signed, because the system has no random numbers.
#[derive(Debug, thiserror::Error)]
#[error("the system has no random numbers to sign with")]
pub(crate) struct NoRandomness;

/// The secret's text. It has no `Debug`, because it contains the key.
#[derive(Deserialize)]
struct Secret {
    key_pair_id: String,
    private_key_pem: String,
}

impl LinkKey {
    /// Reads `{"key_pair_id":"K…","private_key_pem":"…"}`.
    ///
    /// # Errors
    /// [`InvalidLinkKey`].
    pub(crate) fn parse(secret: &str) -> Result<Self, InvalidLinkKey> {
        let secret: Secret = serde_json::from_str(secret)
            .map_err(|error| InvalidLinkKey::Form(error.line(), error.column()))?;
        let id = secret.key_pair_id;
        if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(InvalidLinkKey::Id);
        }
        let key = pkcs8(&secret.private_key_pem).ok_or(InvalidLinkKey::Key)?;
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &key, &random)
            .map_err(|_| InvalidLinkKey::Key)?;
        Ok(Self {
            id,
            pair,
            recent: Mutex::default(),
        })
    }

    /// Signs the reading of an object at `base`, an origin without a path, from the start of the
    /// window that `now` is in.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub(crate) fn sign(
        &self,
        base: &str,
        key: ObjectKey<'_>,
        response: &ResponseHeaders,
        now: SystemTime,
        valid: Duration,
    ) -> Result<Presigned, NoRandomness> {
        let expires_at = window(now) + valid;
        let expires = seconds(expires_at);
        let path = key.to_string();
        let path = utf8_percent_encode(&path, RESERVED_IN_PATH);
        let url = format!("{base}/{path}?{}", query(response));
        let signature = self.signature(&url, expires)?;
        Ok(Presigned {
            method: "GET".to_owned(),
            url: format!(
                "{url}&Expires={expires}&Signature={signature}&Key-Pair-Id={}&Hash-Algorithm=SHA256",
                self.id,
            ),
            headers: Vec::new(),
            expires_at,
        })
    }

    /// The signature of a URL until a time, the same as before if it is remembered.
    fn signature(&self, url: &str, expires: u64) -> Result<String, NoRandomness> {
        let recent = self.recent.lock();
        let mut recent = recent.unwrap_or_else(PoisonError::into_inner);
        if recent.expires != expires || recent.signatures.len() >= REMEMBERED {
            *recent = Recent {
                expires,
                ..Recent::default()
            };
        }
        if let Some(signature) = recent.signatures.get(url) {
            return Ok(signature.clone());
        }
        let policy = canned_policy(url, expires);
        let signed = self.pair.sign(&SystemRandom::new(), policy.as_bytes());
        let signed = signed.map_err(|_| NoRandomness)?;
        let signature = encoded(signed.as_ref());
        recent.signatures.insert(url.to_owned(), signature.clone());
        Ok(signature)
    }
}

impl std::fmt::Debug for LinkKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("LinkKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// The bytes of a PEM file with one private key (RFC 7468, section 10).
fn pkcs8(pem: &str) -> Option<Vec<u8>> {
    let body = pem
        .trim()
        .strip_prefix("-----BEGIN PRIVATE KEY-----")?
        .strip_suffix("-----END PRIVATE KEY-----")?;
    let body: String = body.split_ascii_whitespace().collect();
    BASE64_STANDARD.decode(body).ok()
}

/// The parameters by which S3 answers with other headers than the stored ones.
fn query(response: &ResponseHeaders) -> String {
    let parameters = [
        ("response-cache-control", &response.cache_control),
        (
            "response-content-disposition",
            &response.content_disposition,
        ),
        ("response-content-type", &response.content_type),
    ];
    let given = parameters.into_iter().filter_map(|(name, value)| {
        let value = utf8_percent_encode(value.as_deref()?, RESERVED);
        Some(format!("{name}={value}"))
    });
    given.collect::<Vec<_>>().join("&")
}

/// The policy that CloudFront derives from a URL and its time. It has no white space, and the URL
/// no character that JSON escapes.
fn canned_policy(url: &str, expires: u64) -> String {
    format!(
        r#"{{"Statement":[{{"Resource":"{url}","Condition":{{"DateLessThan":{{"AWS:EpochTime":{expires}}}}}}}]}}"#
    )
}

/// Base64 with the characters replaced that a URL's query can't have.
fn encoded(signature: &[u8]) -> String {
    BASE64_STANDARD
        .encode(signature)
        .replace('+', "-")
        .replace('=', "_")
        .replace('/', "~")
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

#[cfg(test)]
mod tests;
