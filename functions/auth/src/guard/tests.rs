//! Checking a token, with replayed responses.

use std::io;

use serde_json::{Value, json};
use trichrome_proto::error::{ErrorCode, Fault};

use super::*;
use crate::testing::{Aws, failure};

#[test]
fn every_operation_is_found_by_its_rpc_names_and_its_path() {
    for operation in OPERATIONS {
        let public = operation.access == Access::Public;
        assert_eq!(is_public(operation.method, "").unwrap(), public);
        assert_eq!(is_public(operation.grpc_path, "").unwrap(), public);
        let path = operation.http.path.replace(['{', '}'], "");
        assert!(is_public("", &path).is_ok(), "{path}");
    }
}

/// Every key of the Go original's `configs/api.yml`, and the operation that it names.
#[test]
fn every_api_key_of_the_go_original_is_known() {
    for (key, function) in [
        ("logData", "analytics-log"),
        ("getLogs", "analytics-get"),
        ("validateRestRequest", "auth-validate"),
        ("validateRpcRequest", "auth-validate"),
        ("validateEventsRequest", "auth-validate"),
        ("login", "auth-login"),
        ("signup", "auth-signup"),
        ("getPictures", "pictures-list"),
        ("getPicture", "pictures-get"),
        ("createPicture", "pictures-create"),
        ("deletePicture", "pictures-delete"),
        ("getUser", "users-get"),
        ("getUserByUsername", "users-get-by-username"),
        ("validatePassword", "users-validate-password"),
        ("createUser", "users-create"),
        ("deleteUser", "users-delete"),
    ] {
        let named = by_method(key).unwrap();
        let functions: Vec<_> = named.iter().map(|operation| operation.function).collect();
        assert_eq!(functions, [function], "{key}");
    }
}

#[test]
fn a_path_is_public_if_all_its_methods_are() {
    assert!(is_public("", "/login").unwrap());
    assert!(is_public("", "/login?next=/pictures").unwrap());
    assert!(!is_public("", "/pictures/0190").unwrap());
    // Not the user with that name.
    assert!(is_public("", "/users/validate-password").unwrap());
    // POST /users creates a user, GET /users looks one up.
    assert!(!is_public("", "/users").unwrap());
}

#[test]
fn of_two_operations_the_stricter_one_counts() {
    assert!(is_public("Login", "/login").unwrap());
    assert!(!is_public("Login", "/pictures").unwrap());
    assert!(!is_public("GetUserPictures", "/login").unwrap());
}

#[test]
fn without_an_operation_a_token_is_required() {
    assert!(!is_public("", "").unwrap());
}

#[test]
fn unknown_names_are_refused() {
    for (method, path) in [
        ("Logout", ""),
        ("logins", ""),
        ("verifyRpcRequest", ""),
        ("/auth.Auth/Logout", ""),
        ("", "/logoff"),
        ("", "login"),
        ("Login", "/logoff"),
        ("Logout", "/login"),
    ] {
        let error = is_public(method, path).unwrap_err();
        assert!(
            matches!(error, Error::UnknownOperation { .. }),
            "{method} {path}"
        );
    }
}

/// A verifier that accepts one token, Ada's.
fn verify(token: &str) -> Result<Claims, io::Error> {
    match token {
        "good" => Ok(Claims {
            sub: "1".to_owned(),
            iss: "us".to_owned(),
            exp: 0,
            generation: 1,
        }),
        _ => Err(io::Error::other("unknown token")),
    }
}

fn input(access_token: &str, method: &str) -> ValidateRpcRequestInput {
    ValidateRpcRequestInput {
        access_token: access_token.to_owned(),
        method: method.to_owned(),
        path: String::new(),
    }
}

/// The response to a read of Ada's item.
fn ada() -> (u16, Value) {
    let item = json!({"id": {"S": "1"}, "username": {"S": "ada"}});
    (200, json!({ "Item": item }))
}

#[tokio::test]
async fn a_valid_token_returns_its_user() {
    for method in ["", "GetUserPictures", "Login"] {
        let aws = Aws::new([ada()]);
        let user_id = validate(input("good", method), verify, &aws.users()).await;
        assert_eq!(user_id.unwrap(), "1");
        assert_eq!(aws.operations(), ["GetItem"]);
    }
}

#[tokio::test]
async fn an_invalid_token_is_refused_even_if_none_is_needed() {
    for method in ["", "GetUserPictures", "Login"] {
        let aws = Aws::new([]);
        let error = validate(input("bad", method), verify, &aws.users()).await;
        let error = error.unwrap_err();
        assert_eq!(error.code(), ErrorCode::Unauthenticated);
        // The reason would only help to forge a token.
        assert!(!error.to_string().contains("unknown token"));
        assert!(aws.operations().is_empty());
    }
}

#[tokio::test]
async fn public_operations_need_no_token() {
    let users = Aws::new([]).users();
    let user_id = validate(input("", "Login"), verify, &users).await;
    assert_eq!(user_id.unwrap(), "");
    for method in ["", "GetUserPictures"] {
        let error = validate(input("", method), verify, &users).await;
        assert_eq!(error.unwrap_err().code(), ErrorCode::Unauthenticated);
    }
}

#[tokio::test]
async fn a_revoked_token_and_that_of_a_deleted_user_are_refused() {
    let mut deleting = ada();
    deleting.1["Item"]["deleting"] = json!({"BOOL": true});
    let mut revoked = ada();
    revoked.1["Item"]["token_generation"] = json!({"N": "2"});
    for (answer, code) in [
        (revoked, ErrorCode::Unauthenticated),
        ((200, json!({})), ErrorCode::Unauthenticated),
        (deleting, ErrorCode::Unauthenticated),
        (failure(500, "InternalServerError"), ErrorCode::Unavailable),
    ] {
        let users = Aws::new([answer]).users();
        let error = validate(input("good", ""), verify, &users).await;
        assert_eq!(error.unwrap_err().code(), code);
    }
}
