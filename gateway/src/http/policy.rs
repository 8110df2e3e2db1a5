//! The web app's Content-Security-Policy.

use std::net::Ipv4Addr;

use http::HeaderValue;
use url::{Origin, Url};

/// Allows only scripts, styles and calls of this origin, and the pictures' origin. The web app's
/// container and its mock server use the same file.
const TEMPLATE: &str = include_str!("../../../web/content-security-policy.txt");

/// The pictures' origin in the template, in the syntax of nginx's templates.
const PLACEHOLDER: &str = "${PICTURES_ORIGIN}";

/// The origins of the pictures' links: `https`, or `http` on a loopback address. There are two where
/// links lead to CloudFront, and uploads to the bucket.
///
/// Each is a single host that serves nothing else. A page could send anything to other origins of
/// the policy, for example to another bucket of an S3 endpoint that all buckets share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PicturesOrigin(String);

impl PicturesOrigin {
    /// What [`parse`](Self::parse) accepts.
    pub(crate) const EXPECTED: &str = "one origin without a path, such as \
        https://<bucket>.s3.<region>.amazonaws.com, with https unless the host is localhost; \
        not an endpoint that all buckets share; or two, with a space between them";

    /// Parses one origin, or two with a space between them, in the form that browsers compare:
    /// lower-case, without a default port.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut origins = text.split(' ');
        let known = origins.by_ref().take(2).all(Self::is_origin);
        (known && origins.next().is_none()).then(|| Self(text.to_owned()))
    }

    fn is_origin(text: &str) -> bool {
        let Ok(url) = Url::parse(text) else {
            return false;
        };
        let Origin::Tuple(scheme, host, _) = url.origin() else {
            return false;
        };
        let host = host.to_string();
        let allowed = match scheme.as_str() {
            "https" => is_source_host(&host) && !is_shared_endpoint(&host),
            "http" => is_source_host(&host) && is_loopback(&host),
            _ => false,
        };
        allowed && url.origin().ascii_serialization() == text
    }
}

/// Whether a policy can name a host (CSP level 3, section 2.3.1, `host-part` without wildcards).
/// URLs allow more, such as `*` and `;`. An IPv6 address can't be named.
fn is_source_host(host: &str) -> bool {
    host.split('.').all(|label| {
        !label.is_empty()
            && label
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
    })
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host.ends_with(".localhost")
        || host
            .parse::<Ipv4Addr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Whether a host of AWS serves every bucket of a region, by path. A bucket's own host begins
/// with its name, which has at least three characters.
fn is_shared_endpoint(host: &str) -> bool {
    let aws = host
        .strip_suffix(".amazonaws.com")
        .or_else(|| host.strip_suffix(".amazonaws.com.cn"));
    aws.is_some_and(|rest| {
        rest == "s3" || rest.starts_with("s3.") || (rest.starts_with("s3-") && !rest.contains('.'))
    })
}

/// The policy of a page that shows pictures from this origin, or none.
pub(crate) fn content_security_policy(pictures: Option<&PicturesOrigin>) -> HeaderValue {
    let text = match pictures {
        Some(PicturesOrigin(origin)) => TEMPLATE.replace(PLACEHOLDER, origin),
        None => TEMPLATE.replace(&format!(" {PLACEHOLDER}"), ""),
    };
    // The template and origins are ASCII. If that ever changed, nothing would be allowed.
    HeaderValue::try_from(text.trim_ascii_end())
        .unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_valid_origin_is_accepted() {
        let cases = include_str!("../../../web/nginx/pictures-origins.txt");
        let mut accepted = 0;
        for case in cases.lines().filter(|line| !line.starts_with('#')) {
            let (verdict, text) = case.split_once(' ').unwrap();
            let origin = PicturesOrigin::parse(text);
            assert_eq!(origin.is_some(), verdict == "accept", "{text}");
            accepted += u32::from(origin.is_some());
        }
        assert!(accepted > 5);
    }

    #[test]
    fn the_origin_enters_images_and_connections() {
        let origin = PicturesOrigin::parse("https://pictures.example.org").unwrap();
        let policy = content_security_policy(Some(&origin));
        let policy = policy.to_str().unwrap();
        for directive in [
            "img-src 'self' blob: https://pictures.example.org;",
            "connect-src 'self' https://pictures.example.org;",
            "script-src 'self';",
        ] {
            assert!(policy.contains(directive), "{policy}");
        }
        assert!(!policy.contains('$') && !policy.contains("unsafe"));
    }

    #[test]
    fn without_pictures_only_this_origin_is_allowed() {
        let policy = content_security_policy(None);
        let policy = policy.to_str().unwrap();
        assert!(policy.contains("img-src 'self' blob:;"), "{policy}");
        assert!(policy.contains("connect-src 'self';"), "{policy}");
    }
}
