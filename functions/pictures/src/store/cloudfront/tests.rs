use ring::signature::{ECDSA_P256_SHA256_ASN1, KeyPair as _, UnparsedPublicKey};
use serde_json::{Value, json};

use super::*;
use crate::{
    store::Layout,
    testing::{LINK_KEY, link_secret},
};

const BASE: &str = "https://d111111abcdef8.cloudfront.net";
const HOUR: Duration = Duration::from_secs(60 * 60);

fn key() -> LinkKey {
    LinkKey::parse(&link_secret("K2JCJMDEHXQW5F")).unwrap()
}

fn object() -> ObjectKey<'static> {
    let id = "0190b6a0-1234-7000-8000-000000000001".parse().unwrap();
    ObjectKey::original(Layout::Prefixed, "u", id)
}

fn response() -> ResponseHeaders {
    let name = "inline; filename=\"a&b.png\"; filename*=UTF-8''%C3%A4";
    ResponseHeaders {
        cache_control: Some("private, max-age=1".to_owned()),
        content_disposition: Some(name.to_owned()),
        content_type: Some("image/png".to_owned()),
    }
}

fn signed(key: &LinkKey, now: SystemTime) -> Presigned {
    key.sign(BASE, object(), &response(), now, HOUR).unwrap()
}

/// The signature in a URL, decoded as CloudFront does.
fn signature(url: &str) -> Vec<u8> {
    let text = url.split("&Signature=").nth(1).unwrap();
    let text = text.split('&').next().unwrap();
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_~".contains(&byte);
    assert!(text.bytes().all(safe), "{text}");
    let text = text.replace('-', "+").replace('_', "=").replace('~', "/");
    BASE64_STANDARD.decode(text).unwrap()
}

/// As AWS documents it, without its white space.
#[test]
fn the_policy_is_the_canned_one() {
    let url = "https://d111111abcdef8.cloudfront.net/image.jpg?size=large";
    assert_eq!(
        canned_policy(url, 1_767_290_400),
        "{\"Statement\":[{\"Resource\":\"https://d111111abcdef8.cloudfront.net/image.jpg?size=large\",\
         \"Condition\":{\"DateLessThan\":{\"AWS:EpochTime\":1767290400}}}]}"
    );
}

#[test]
fn the_public_key_verifies_what_cloudfront_derives_from_the_url() {
    let key = key();
    let url = signed(&key, UNIX_EPOCH + Duration::from_secs(1_800_000_017)).url;
    // What is signed ends where CloudFront's own parameters begin.
    let (resource, own) = url.split_once("&Expires=").unwrap();
    // The start of the window, and an hour.
    assert!(own.starts_with("1800003600&Signature="), "{own}");
    let end = "&Key-Pair-Id=K2JCJMDEHXQW5F&Hash-Algorithm=SHA256";
    assert!(own.ends_with(end), "{own}");
    let policy = canned_policy(resource, 1_800_003_600);
    let read: Value = serde_json::from_str(&policy).unwrap();
    assert_eq!(read["Statement"][0]["Resource"], resource);

    let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key.pair.public_key());
    let signature = signature(&url);
    public.verify(policy.as_bytes(), &signature).unwrap();
    let other = policy.replace("originals", "derived");
    assert!(public.verify(other.as_bytes(), &signature).is_err());
}

#[test]
fn the_answers_headers_are_parameters() {
    let url = signed(&key(), UNIX_EPOCH).url;
    let expected = "https://d111111abcdef8.cloudfront.net/originals/u/\
        0190b6a0-1234-7000-8000-000000000001?\
        response-cache-control=private%2C%20max-age%3D1&\
        response-content-disposition=inline%3B%20filename%3D%22a%26b.png%22%3B%20\
        filename%2A%3DUTF-8%27%27%25C3%25A4&\
        response-content-type=image%2Fpng&Expires=";
    assert!(url.starts_with(expected), "{url}");
}

#[test]
fn links_of_one_window_are_equal() {
    let key = key();
    let start = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let first = signed(&key, start);
    assert_eq!(signed(&key, start + Duration::from_secs(899)), first);
    assert_ne!(signed(&key, start + Duration::from_secs(900)), first);
    assert_eq!(first.expires_at, start + HOUR);
    assert_eq!((first.method.as_str(), first.headers.len()), ("GET", 0));
}

#[test]
fn the_memory_is_bounded() {
    let key = key();
    for number in 0..=REMEMBERED {
        let _signature = key.signature(&number.to_string(), 7).unwrap();
        assert!(key.recent.lock().unwrap().signatures.len() <= REMEMBERED);
    }
    let _signature = key.signature("0", 8).unwrap();
    assert_eq!(key.recent.lock().unwrap().signatures.len(), 1);
}

#[test]
fn an_error_shows_nothing_of_the_secret() {
    for (secret, expected) in [
        (LINK_KEY.to_owned(), InvalidLinkKey::Form(1, 2)),
        (
            json!({"key_pair_id": "K1"}).to_string(),
            InvalidLinkKey::Form(1, 20),
        ),
        (link_secret(""), InvalidLinkKey::Id),
        (link_secret("K1&Expires=1"), InvalidLinkKey::Id),
        (
            json!({"key_pair_id": "K1", "private_key_pem": LINK_KEY[..60]}).to_string(),
            InvalidLinkKey::Key,
        ),
        (
            link_secret("K1").replace("PRIVATE", "PUBLIC"),
            InvalidLinkKey::Key,
        ),
        (
            json!({"key_pair_id": "K1", "private_key_pem": "c2VjcmV0"}).to_string(),
            InvalidLinkKey::Key,
        ),
    ] {
        let error = LinkKey::parse(&secret).unwrap_err();
        assert_eq!(error, expected);
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("MI") && !shown.contains("c2Vj"), "{shown}");
    }
    assert_eq!(
        format!("{:?}", key()),
        "LinkKey { id: \"K2JCJMDEHXQW5F\", .. }"
    );
}
