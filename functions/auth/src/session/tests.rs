//! Signing up and logging in, with replayed responses.

use serde_json::{Value, json};
use trichrome_proto::error::{ErrorCode, Fault};
use trichrome_users::Passwords;

use crate::testing::{Aws, failure, secret};

const PASSWORD: &str = "correct horse";

fn done() -> (u16, Value) {
    (200, json!({}))
}

/// The response to a read of Ada's name item.
async fn ada() -> (u16, Value) {
    let hash = Passwords::new().hash(PASSWORD.to_owned()).await.unwrap();
    let item = json!({"user_id": {"S": "1"}, "password_hash": {"S": hash}});
    (200, json!({ "Item": item }))
}

/// The token's subject. The signer's tests check signatures.
fn subject(token: &str) -> String {
    let claims: Value = jsonwebtoken::dangerous::insecure_decode_claims(token).unwrap();
    claims["sub"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn signup_returns_a_token_of_the_new_user() {
    let aws = Aws::new([secret("k1", 1), done()]);
    let sessions = aws.sessions();
    let token = sessions.signup("ada".to_owned(), PASSWORD.to_owned(), Some("key"), None);
    let token = token.await.unwrap();
    assert_eq!(aws.operations(), ["GetSecretValue", "TransactWriteItems"]);
    let name = &aws.bodies()[1]["TransactItems"][0]["Put"]["Item"];
    assert_eq!(name["user_id"]["S"], subject(&token));
    assert_eq!(name["idempotency_key"]["S"], "key");
}

#[tokio::test]
async fn without_a_token_key_signup_creates_no_user() {
    let aws = Aws::new([failure(500, "InternalServiceError")]);
    let sessions = aws.sessions();
    let token = sessions.signup("ada".to_owned(), PASSWORD.to_owned(), None, None);
    assert_eq!(token.await.unwrap_err().code(), ErrorCode::Unavailable);
    assert_eq!(aws.operations(), ["GetSecretValue"]);
}

#[tokio::test]
async fn login_returns_a_token_of_the_user() {
    let aws = Aws::new([done(), done(), ada().await, secret("k1", 1), done()]);
    let sessions = aws.sessions();
    let token = sessions
        .login("ada".to_owned(), PASSWORD.to_owned(), None)
        .await;
    assert_eq!(subject(&token.unwrap()), "1");
    // The attempt is counted, and the count taken back.
    assert_eq!(
        aws.operations(),
        [
            "GetItem",
            "UpdateItem",
            "GetItem",
            "GetSecretValue",
            "UpdateItem"
        ]
    );
}

#[tokio::test]
async fn a_wrong_password_is_reported_with_or_without_a_key() {
    for key in [secret("k1", 1), failure(500, "InternalServiceError")] {
        let aws = Aws::new([done(), done(), ada().await, key]);
        let sessions = aws.sessions();
        let token = sessions.login("ada".to_owned(), "battery staple".to_owned(), None);
        assert_eq!(token.await.unwrap_err().code(), ErrorCode::Unauthenticated);
    }
}
