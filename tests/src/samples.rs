//! Valid requests for any operation of the contract.

use anyhow::{Result, bail};
use serde_json::{Map, Value};
use trichrome_proto::contract::{Kind, Operation};

use crate::{
    account::{Account, NEW_PASSWORD, PASSWORD, unused_name},
    images::Format,
};

/// The user and the picture that a request refers to.
pub struct Subject<'a> {
    pub account: &'a Account,
    pub picture_id: &'a str,
}

/// Builds a valid request for an operation from the names of its fields: the required ones and the
/// ones that identify the subject. A new operation with known field names needs no change here.
///
/// # Errors
///
/// If the operation requires a field without a known value.
pub fn good(operation: &Operation, subject: &Subject<'_>) -> Result<Map<String, Value>> {
    let account = subject.account;
    let mut args = Map::new();
    for field in operation.input.fields {
        let tiny = Format::Png.tiny();
        let text = match field.name {
            "checksums" => {
                args.insert(field.name.to_owned(), tiny.checksums().into());
                continue;
            }
            "size_bytes" => {
                args.insert(field.name.to_owned(), tiny.bytes.len().into());
                continue;
            }
            // Operations that create a user get a new name, others the existing one.
            "username" if operation.idempotent_by_key => unused_name(),
            "username" => account.username.clone(),
            "password" if operation.idempotent_by_key => PASSWORD.to_owned(),
            "password" | "current_password" => account.password.clone(),
            "new_password" => NEW_PASSWORD.to_owned(),
            "access_token" => account.token.clone(),
            "user_id" => account.id.clone(),
            // An upload has the id of the picture that it became.
            "picture_id" | "upload_id" => subject.picture_id.to_owned(),
            "title" => "a title".to_owned(),
            "base64" => tiny.base64(),
            "content_type" => tiny.format.content_type().to_owned(),
            "transport" if field.rules.required => "rest".to_owned(),
            "service" | "method" if field.rules.required => "tests".to_owned(),
            _ if !field.rules.required => continue,
            unknown => bail!(
                "{} requires {unknown:?}: add a value for it in tests/src/samples.rs",
                operation.function
            ),
        };
        debug_assert!(matches!(field.kind, Kind::String));
        args.insert(field.name.to_owned(), Value::from(text));
    }
    Ok(args)
}
