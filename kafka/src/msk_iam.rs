//! Tokens for IAM access control of Amazon MSK (`AWS_MSK_IAM`).
//!
//! A token is a presigned request of the action `kafka-cluster:Connect`: its URL, base64url without
//! padding. MSK evaluates it as it would evaluate the request.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use trichrome_secrets::signing::{Scope, escaped};

use crate::login::{LoginError, Token};

/// How long a token is valid: the longest that MSK accepts.
const LIFETIME: Duration = Duration::from_secs(900);

/// Appended unsigned, as AWS's own signers do: CloudTrail shows it.
const USER_AGENT: &str = concat!("trichrome/", env!("CARGO_PKG_VERSION"));

/// A token for the cluster's region. It ends with the credentials if they end first.
pub(crate) fn token(
    region: &str,
    credentials: &Credentials,
    now: SystemTime,
) -> Result<Token, LoginError> {
    let action = escaped("kafka-cluster:Connect");
    let url = format!("https://kafka.{region}.amazonaws.com/?Action={action}");
    let scope = Scope {
        service: "kafka-cluster",
        region,
        credentials,
        now,
    };
    let url = scope.presigned(&url, LIFETIME)?;
    let end = now + LIFETIME;
    Ok(Token {
        value: URL_SAFE_NO_PAD.encode(format!("{url}&User-Agent={}", escaped(USER_AGENT))),
        principal: credentials.access_key_id().to_owned(),
        expires: credentials.expiry().map_or(end, |expiry| expiry.min(end)),
    })
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, time::UNIX_EPOCH};

    use ring::{digest, hmac};
    use url::Url;

    use super::*;

    /// 26 November 2026, 20:00:00 UTC.
    const NOW: Duration = Duration::from_secs(1_795_723_200);

    fn credentials(session: Option<&str>, expiry: Option<SystemTime>) -> Credentials {
        Credentials::new(
            "AKIDEXAMPLE",
            "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            session.map(str::to_owned),
            expiry,
            "test",
        )
    }

    fn url_of(token: &Token) -> Url {
        let url = URL_SAFE_NO_PAD.decode(&token.value).unwrap();
        String::from_utf8(url).unwrap().parse().unwrap()
    }

    fn hex(bytes: impl AsRef<[u8]>) -> String {
        bytes
            .as_ref()
            .iter()
            .map(|it| format!("{it:02x}"))
            .collect()
    }

    fn mac(key: &[u8], data: &str) -> Vec<u8> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        hmac::sign(&key, data.as_bytes()).as_ref().to_vec()
    }

    /// The signature of a presigned request by the steps in AWS's documentation, "Create a signed
    /// AWS API request".
    fn signature(url: &Url, secret: &str, region: &str) -> String {
        let query: BTreeMap<_, _> = url
            .query_pairs()
            .filter(|(name, _)| name != "X-Amz-Signature" && name != "User-Agent")
            .map(|(name, value)| (escaped(&name), escaped(&value)))
            .collect();
        let canonical_query: Vec<_> = query
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let empty = hex(digest::digest(&digest::SHA256, b""));
        let canonical = format!(
            "GET\n/\n{}\nhost:{}\n\nhost\n{empty}",
            canonical_query.join("&"),
            url.host_str().unwrap(),
        );
        let time = &query["X-Amz-Date"];
        let day = &time[..8];
        let scope = format!("{day}/{region}/kafka-cluster/aws4_request");
        let to_sign = format!(
            "AWS4-HMAC-SHA256\n{time}\n{scope}\n{}",
            hex(digest::digest(&digest::SHA256, canonical.as_bytes()))
        );
        let key = [day, region, "kafka-cluster", "aws4_request"]
            .iter()
            .fold(format!("AWS4{secret}").into_bytes(), |key, part| {
                mac(&key, part)
            });
        hex(mac(&key, &to_sign))
    }

    #[test]
    fn tokens_are_signed_by_awss_published_algorithm() {
        for session in [None, Some("a/session+token==")] {
            let credentials = credentials(session, None);
            let token = token("eu-west-1", &credentials, UNIX_EPOCH + NOW).unwrap();
            let url = url_of(&token);
            let query: BTreeMap<_, _> = url.query_pairs().collect();
            let expected = signature(&url, credentials.secret_access_key(), "eu-west-1");
            assert_eq!(query["X-Amz-Signature"], expected);
            assert_eq!(query["Action"], "kafka-cluster:Connect");
            assert_eq!(query["X-Amz-Expires"], "900");
            assert_eq!(query["X-Amz-Date"], "20261126T200000Z");
            assert_eq!(
                query.get("X-Amz-Security-Token").map(AsRef::as_ref),
                session
            );
            assert_eq!(url.host_str(), Some("kafka.eu-west-1.amazonaws.com"));
        }
    }

    /// The signatures that AWS's signer in Python (aws-msk-iam-sasl-signer-python 1.0.2) makes of the
    /// same credentials at the same time.
    #[test]
    fn tokens_are_those_of_awss_own_signer() {
        for (session, expected) in [
            (
                None,
                "caa218a3cc167fc14a252ccf216ca9f4467887236fe10a308c79db1e37a11293",
            ),
            (
                Some("a/session+token=="),
                "04edc0951d10ae1ec68389b2b8ccada8603c45c6968f5cd4bad260d898bd1318",
            ),
        ] {
            let token = token("eu-west-1", &credentials(session, None), UNIX_EPOCH + NOW);
            let url = url_of(&token.unwrap());
            let mut query = url.query_pairs();
            let (_, signature) = query.find(|(name, _)| name == "X-Amz-Signature").unwrap();
            assert_eq!(signature, expected);
        }
    }

    #[test]
    fn a_token_ends_with_its_credentials() {
        let now = UNIX_EPOCH + NOW;
        let end = |expiry| {
            token("eu-west-1", &credentials(None, expiry), now)
                .unwrap()
                .expires
        };
        assert_eq!(end(None), now + LIFETIME);
        let soon = now + Duration::from_secs(60);
        assert_eq!(end(Some(soon)), soon);
        assert_eq!(end(Some(now + 2 * LIFETIME)), now + LIFETIME);
    }
}
