//! Requests that are good, for any operation of the contract.

use anyhow::{Result, bail};
use serde_json::{Map, Value};
use trichrome_proto::contract::{Kind, Operation};

use crate::{
    account::{Account, PASSWORD, unused_name},
    images::Format,
};

/// What a good request is about.
pub struct Subject<'a> {
    /// Whose it is.
    pub account: &'a Account,
    /// A picture of theirs.
    pub picture_id: &'a str,
}

/// A good request for an operation, by the names of its fields: those it requires, and the
/// ones that say whom it is about. A new operation whose fields have known names is tested
/// without a line of its own.
///
/// # Errors
///
/// The operation requires a field that this does not know.
pub fn good(operation: &Operation, subject: &Subject<'_>) -> Result<Map<String, Value>> {
    let account = subject.account;
    let mut args = Map::new();
    for field in operation.input.fields {
        let value = match field.name {
            // What creates a user takes a new name, everything else the one that is there.
            "username" if operation.idempotent_by_key => unused_name(),
            "username" => account.username.clone(),
            "password" if operation.idempotent_by_key => PASSWORD.to_owned(),
            "password" => account.password.clone(),
            "access_token" => account.token.clone(),
            "user_id" => account.id.clone(),
            "picture_id" => subject.picture_id.to_owned(),
            "title" => "a title".to_owned(),
            "base64" => Format::Png.tiny().base64(),
            "transport" if field.rules.required => "rest".to_owned(),
            "service" | "method" if field.rules.required => "tests".to_owned(),
            _ if !field.rules.required => continue,
            unknown => bail!(
                "{} requires {unknown:?}, which tests/src/samples.rs has no value for",
                operation.function
            ),
        };
        debug_assert!(matches!(field.kind, Kind::String));
        args.insert(field.name.to_owned(), Value::from(value));
    }
    Ok(args)
}
