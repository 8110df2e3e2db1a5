use std::io;

use serde_json::{Value, json};
use trichrome_proto::error::{ErrorCode, Fault};

use super::*;
use crate::testing::{Aws, failure};

#[test]
fn every_operation_is_known_by_its_rpc_both_ways_and_by_its_path() {
    for operation in OPERATIONS {
        let public = operation.access == Access::Public;
        assert_eq!(is_public(operation.method, "").unwrap(), public);
        assert_eq!(is_public(operation.grpc_path, "").unwrap(), public);
        let path = operation.http.path.replace(['{', '}'], "");
        assert!(is_public("", &path).is_ok(), "{path}");
    }
}

#[test]
fn a_path_is_public_only_for_all_its_methods() {
    assert!(is_public("", "/login").unwrap());
    assert!(is_public("", "/login?next=/pictures").unwrap());
    assert!(!is_public("", "/pictures/0190").unwrap());
    // Not the user of that name.
    assert!(is_public("", "/users/validate-password").unwrap());
    // POST /users creates a user, GET /users looks one up.
    assert!(!is_public("", "/users").unwrap());
}

#[test]
fn naming_two_operations_takes_the_stricter() {
    assert!(is_public("Login", "/login").unwrap());
    assert!(!is_public("Login", "/pictures").unwrap());
    assert!(!is_public("GetUserPictures", "/login").unwrap());
}

#[test]
fn naming_nothing_needs_a_token() {
    assert!(!is_public("", "").unwrap());
}

#[test]
fn unknown_names_are_the_callers_to_correct() {
    for (method, path) in [
        ("Logout", ""),
        ("login", ""),
        ("/auth.Auth/Logout", ""),
        ("", "/logout"),
        ("", "login"),
        ("Login", "/logout"),
        ("Logout", "/login"),
    ] {
        let error = is_public(method, path).unwrap_err();
        assert!(
            matches!(error, Error::UnknownOperation { .. }),
            "{method} {path}"
        );
    }
}

/// A verifier that takes one token, Ada's.
fn verify(token: &str) -> Result<String, io::Error> {
    match token {
        "good" => Ok("1".to_owned()),
        _ => Err(io::Error::other("no token of ours")),
    }
}

fn input(access_token: &str, method: &str) -> ValidateRpcRequestInput {
    ValidateRpcRequestInput {
        access_token: access_token.to_owned(),
        method: method.to_owned(),
        path: String::new(),
    }
}

/// The answer to a read of Ada.
fn ada() -> (u16, Value) {
    let item = json!({"id": {"S": "1"}, "username": {"S": "ada"}});
    (200, json!({ "Item": item }))
}

#[tokio::test]
async fn a_valid_token_names_its_user() {
    for method in ["", "GetUserPictures", "Login"] {
        let aws = Aws::new([ada()]);
        let user_id = validate(input("good", method), verify, &aws.users()).await;
        assert_eq!(user_id.unwrap(), "1");
        assert_eq!(aws.operations(), ["GetItem"]);
    }
}

#[tokio::test]
async fn a_bad_token_is_refused_even_where_none_is_needed() {
    for method in ["", "GetUserPictures", "Login"] {
        let aws = Aws::new([]);
        let error = validate(input("bad", method), verify, &aws.users()).await;
        let error = error.unwrap_err();
        assert_eq!(error.code(), ErrorCode::Unauthenticated);
        // Why it is bad helps only who forges one.
        assert!(!error.to_string().contains("no token of ours"));
        assert!(aws.operations().is_empty());
    }
}

#[tokio::test]
async fn no_token_will_do_only_for_what_is_public() {
    let users = Aws::new([]).users();
    let user_id = validate(input("", "Login"), verify, &users).await;
    assert_eq!(user_id.unwrap(), "");
    for method in ["", "GetUserPictures"] {
        let error = validate(input("", method), verify, &users).await;
        assert_eq!(error.unwrap_err().code(), ErrorCode::Unauthenticated);
    }
}

#[tokio::test]
async fn a_token_does_not_outlive_its_user() {
    let mut going = ada();
    going.1["Item"]["deleting"] = json!({"BOOL": true});
    for (answer, code) in [
        ((200, json!({})), ErrorCode::Unauthenticated),
        (going, ErrorCode::Unauthenticated),
        (failure(500, "InternalServerError"), ErrorCode::Unavailable),
    ] {
        let users = Aws::new([answer]).users();
        let error = validate(input("good", ""), verify, &users).await;
        assert_eq!(error.unwrap_err().code(), code);
    }
}
