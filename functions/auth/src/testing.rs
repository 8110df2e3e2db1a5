//! An AWS that replays responses, of Secrets Manager and DynamoDB alike.

use std::time::Duration;

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_secretsmanager::config::{BehaviorVersion, Region, retry::RetryConfig};
use aws_smithy_http_client::test_util::{ReplayEvent, StaticReplayClient};
use aws_smithy_types::body::SdkBody;
use aws_types::SdkConfig;
use ed25519_dalek::{
    SigningKey,
    pkcs8::{EncodePrivateKey, spki::der::pem::LineEnding},
};
use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{Jwk, JwkSet},
};
use serde_json::{Value, json};
use trichrome_secrets::{Forms, Opener, SecretSource};
use trichrome_startup::Variables;
use trichrome_users::{UserStore, Users};

use crate::{Sessions, Signer, TokenTerms};

/// An AWS that sends these responses, in this order, and then refuses connections.
pub(crate) struct Aws(StaticReplayClient);

impl Aws {
    pub(crate) fn new(answers: impl IntoIterator<Item = (u16, Value)>) -> Self {
        let events = answers.into_iter().map(|(status, body)| {
            ReplayEvent::new(
                http::Request::new(SdkBody::empty()),
                http::Response::builder()
                    .status(status)
                    .body(SdkBody::from(body.to_string()))
                    .unwrap(),
            )
        });
        Self(StaticReplayClient::new(events.collect()))
    }

    fn config(&self) -> SdkConfig {
        let credentials = Credentials::new("test", "test", None, None, "test");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::from_static("us-east-1"))
            .endpoint_url("http://aws.test")
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .retry_config(RetryConfig::disabled())
            .http_client(self.0.clone())
            .build()
    }

    pub(crate) fn signer(&self) -> Signer {
        let terms = TokenTerms {
            issuer: "us".to_owned(),
            audience: "them".to_owned(),
            ttl: Duration::from_secs(3600),
        };
        let mut variables =
            Variables::new(|name| (name == "TOKEN_KEY_SECRET_ID").then(|| "token-key".to_owned()));
        let forms = Forms::source("TOKEN_KEY").or_secret_id();
        let source = SecretSource::read(&mut variables, forms).unwrap();
        Signer::new(Opener::new().open(source, || self.config()), terms)
    }

    pub(crate) fn users(&self) -> Users {
        Users::new(UserStore::new(&self.config(), "users".to_owned()))
    }

    pub(crate) fn sessions(&self) -> Sessions {
        Sessions::new(self.users(), self.signer())
    }

    /// The operations requested so far.
    pub(crate) fn operations(&self) -> Vec<String> {
        self.0
            .actual_requests()
            .map(|request| {
                let target = request.headers().get("x-amz-target").unwrap();
                target.split_once('.').unwrap().1.to_owned()
            })
            .collect()
    }

    /// The request bodies so far.
    pub(crate) fn bodies(&self) -> Vec<Value> {
        self.0
            .actual_requests()
            .map(|request| serde_json::from_slice(request.body().bytes().unwrap()).unwrap())
            .collect()
    }
}

/// A private key as PEM, in PKCS#8 version 2, which includes the public key.
pub(crate) fn pem(seed: u8) -> String {
    let key = SigningKey::from_bytes(&[seed; 32]);
    key.to_pkcs8_pem(LineEnding::LF).unwrap().to_string()
}

/// The secret's text.
pub(crate) fn secret_text(kid: &str, seed: u8) -> String {
    json!({"kid": kid, "private_key_pem": pem(seed)}).to_string()
}

/// The response to `GetSecretValue`.
pub(crate) fn secret(kid: &str, seed: u8) -> (u16, Value) {
    (
        200,
        json!({"Name": "token-key", "SecretString": secret_text(kid, seed)}),
    )
}

/// An error response.
pub(crate) fn failure(status: u16, code: &str) -> (u16, Value) {
    (status, json!({"__type": code, "message": "no"}))
}

/// The public keys, as verifiers read them.
pub(crate) fn jwks(keys: &[(&str, u8)]) -> JwkSet {
    let keys = keys.iter().map(|(kid, seed)| {
        let public = SigningKey::from_bytes(&[*seed; 32]).verifying_key();
        let key = DecodingKey::from_ed_der(public.as_bytes());
        let mut jwk = Jwk::from_decoding_key(&key, Some(Algorithm::EdDSA)).unwrap();
        jwk.common.key_id = Some((*kid).to_owned());
        jwk
    });
    JwkSet {
        keys: keys.collect(),
    }
}
