//! Signing, with replayed responses of Secrets Manager.

use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};
use trichrome_proto::error::{ErrorCode, Fault};
use trichrome_users::User;

use super::*;
use crate::testing::{Aws, failure, jwks, secret};

/// How long a key counts as current (`trichrome-secrets`).
const REFRESH: Duration = Duration::from_secs(300);
/// How long the old key is used after a failed refresh.
const RETRY: Duration = Duration::from_secs(30);

/// Verifies a token with the key that its header names.
fn verify(token: &str, keys: &[(&str, u8)]) -> jsonwebtoken::errors::Result<Value> {
    let kid = decode_header(token).unwrap().kid.unwrap();
    let keys = jwks(keys);
    let key = DecodingKey::from_jwk(keys.find(&kid).unwrap()).unwrap();
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_issuer(&["us"]);
    validation.set_audience(&["them"]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    Ok(decode(token, &key, &validation)?.claims)
}

fn account(id: &str, generation: u64) -> Account {
    Account {
        user: User {
            id: id.to_owned(),
            username: "ada".to_owned(),
        },
        generation,
    }
}

fn kid(ready: &Ready) -> String {
    let header = decode_header(ready.sign(&account("1", 0)).unwrap()).unwrap();
    header.kid.unwrap()
}

#[tokio::test]
async fn a_token_has_the_claims_and_the_header() {
    let aws = Aws::new([secret("k1", 1)]);
    let ready = aws.signer().ready().await.unwrap();
    let before = get_current_timestamp();
    let token = ready.sign(&account("user-1", 0)).unwrap();

    let header = decode_header(&token).unwrap();
    assert_eq!(
        serde_json::to_value(&header).unwrap(),
        json!({"alg": "EdDSA", "typ": "at+jwt", "kid": "k1"})
    );

    let claims = verify(&token, &[("k1", 1)]).unwrap();
    let issued = claims["iat"].as_u64().unwrap();
    assert!((before..=get_current_timestamp()).contains(&issued));
    assert!(Uuid::parse_str(claims["jti"].as_str().unwrap()).is_ok());
    assert_eq!(
        claims,
        json!({
            "iss": "us",
            "aud": "them",
            "sub": "user-1",
            "iat": issued,
            "exp": issued + 3600,
            "jti": claims["jti"],
        })
    );
    let other = verify(&ready.sign(&account("user-1", 0)).unwrap(), &[("k1", 1)]).unwrap();
    assert_ne!(claims["jti"], other["jti"]);
}

#[tokio::test]
async fn another_key_does_not_verify_it() {
    let ready = Aws::new([secret("k1", 1)]).signer().ready().await.unwrap();
    assert!(verify(&ready.sign(&account("1", 0)).unwrap(), &[("k1", 2)]).is_err());
}

#[tokio::test]
async fn the_shell_accepts_it() {
    let ready = Aws::new([secret("k1", 1)]).signer().ready().await.unwrap();
    let keys = serde_json::to_string(&jwks(&[("k0", 0), ("k1", 1)])).unwrap();
    let verifier = trichrome_runtime::Verifier::from_jwks(&keys, "us", "them").unwrap();
    let claims = verifier
        .verify(&ready.sign(&account("user-1", 0)).unwrap())
        .unwrap();
    assert_eq!((claims.sub.as_str(), claims.generation), ("user-1", 0));
    let later = ready.sign(&account("user-1", 3)).unwrap();
    assert_eq!(verifier.verify(&later).unwrap().generation, 3);
}

#[tokio::test]
async fn concurrent_callers_read_the_key_once() {
    let aws = Aws::new([secret("k1", 1)]);
    let signer = aws.signer();
    let (one, other) = tokio::join!(signer.ready(), signer.ready());
    assert_eq!(kid(&one.unwrap()), kid(&other.unwrap()));
    assert_eq!(aws.operations(), ["GetSecretValue"]);
    assert_eq!(aws.bodies(), [json!({"SecretId": "token-key"})]);
}

#[tokio::test(start_paused = true)]
async fn a_rotated_key_is_used_after_the_refresh() {
    let aws = Aws::new([secret("k1", 1), secret("k2", 2)]);
    let signer = aws.signer();
    assert_eq!(kid(&signer.ready().await.unwrap()), "k1");
    tokio::time::advance(REFRESH - Duration::from_secs(1)).await;
    assert_eq!(kid(&signer.ready().await.unwrap()), "k1");
    tokio::time::advance(Duration::from_secs(1)).await;
    let ready = signer.ready().await.unwrap();
    assert_eq!(kid(&ready), "k2");
    assert!(
        verify(
            &ready.sign(&account("1", 0)).unwrap(),
            &[("k1", 1), ("k2", 2)]
        )
        .is_ok()
    );
    assert_eq!(aws.operations().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_old_key_is_used_while_refreshing_fails() {
    for broken in [
        failure(500, "InternalServiceError"),
        (200, json!({"SecretString": "{}"})),
    ] {
        let aws = Aws::new([secret("k1", 1), broken, secret("k2", 2)]);
        let signer = aws.signer();
        signer.ready().await.unwrap();
        tokio::time::advance(REFRESH).await;
        assert_eq!(kid(&signer.ready().await.unwrap()), "k1");
        // The next attempt comes later.
        assert_eq!(kid(&signer.ready().await.unwrap()), "k1");
        assert_eq!(aws.operations().len(), 2);
        tokio::time::advance(RETRY).await;
        assert_eq!(kid(&signer.ready().await.unwrap()), "k2");
    }
}

#[tokio::test]
async fn a_first_failure_is_not_cached() {
    let aws = Aws::new([failure(500, "InternalServiceError"), secret("k1", 1)]);
    let signer = aws.signer();
    let error = signer.ready().await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Unavailable);
    assert_eq!(kid(&signer.ready().await.unwrap()), "k1");
}

#[tokio::test]
async fn failures_have_their_codes() {
    for (answer, code) in [
        (failure(400, "ThrottlingException"), ErrorCode::Unavailable),
        (failure(500, "InternalServiceError"), ErrorCode::Unavailable),
        (
            failure(400, "ResourceNotFoundException"),
            ErrorCode::Internal,
        ),
        (failure(400, "AccessDeniedException"), ErrorCode::Internal),
        (failure(400, "DecryptionFailure"), ErrorCode::Internal),
        ((200, json!({"SecretBinary": "AAAA"})), ErrorCode::Internal),
        ((200, json!({"SecretString": "{}"})), ErrorCode::Internal),
    ] {
        let error = Aws::new([answer.clone()])
            .signer()
            .ready()
            .await
            .unwrap_err();
        assert_eq!(error.code(), code, "{answer:?}");
    }
    let error = Aws::new([]).signer().ready().await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Unavailable);
}
