//! The part of the users table's layout that other domains rely on. A crate of its own, because
//! `users` depends on `pictures` to delete a user's pictures.

use aws_sdk_dynamodb::{
    error::BuildError,
    types::{AttributeValue, ConditionCheck},
};

/// The partition key's attribute.
pub const PARTITION_KEY: &str = "pk";

/// Holds for the item of a user who exists and isn't being deleted.
pub const USER_EXISTS: &str = "attribute_exists(pk) AND attribute_not_exists(deleting)";

/// The key of a user's item.
#[must_use]
pub fn user_key(user_id: &str) -> AttributeValue {
    AttributeValue::S(format!("user#{user_id}"))
}

/// Makes a transaction depend on a user who exists and isn't being deleted.
///
/// # Errors
///
/// None in practice: every required field is set.
pub fn user_exists(table: &str, user_id: &str) -> Result<ConditionCheck, BuildError> {
    ConditionCheck::builder()
        .table_name(table)
        .key(PARTITION_KEY, user_key(user_id))
        .condition_expression(USER_EXISTS)
        .build()
}
