//! Items of the pictures table, and reading and writing their attributes.

use std::{
    collections::HashMap,
    str::FromStr,
    time::{SystemTime, UNIX_EPOCH},
};

use aws_sdk_dynamodb::types::AttributeValue;

use crate::Error;

pub(super) type Item = HashMap<String, AttributeValue>;

/// When an item expires, in Unix seconds: the table's TTL attribute. DynamoDB may delete expired
/// items days later.
pub(super) const EXPIRES_AT: &str = "expires_at";

/// Unix time in seconds.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

pub(super) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(super) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// A text that may be missing.
pub(super) fn text_of(item: &Item, name: &str) -> Result<Option<String>, Error> {
    match item.get(name) {
        None => Ok(None),
        Some(AttributeValue::S(text)) => Ok(Some(text.clone())),
        Some(_) => Err(malformed()),
    }
}

/// A text that every such item has.
pub(super) fn required_text(item: &Item, name: &str) -> Result<String, Error> {
    text_of(item, name)?.ok_or_else(malformed)
}

/// A number that every such item has.
pub(super) fn number_of<N: FromStr>(item: &Item, name: &str) -> Result<N, Error> {
    match item.get(name) {
        Some(AttributeValue::N(number)) => number.parse().map_err(|_| malformed()),
        _ => Err(malformed()),
    }
}

pub(super) fn malformed() -> Error {
    Error::unexpected(
        "read a picture's row",
        "an attribute is missing or has another type",
    )
}
