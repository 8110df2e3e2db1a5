//! The part of the users table's layout that other domains rely on, and the check of tokens
//! against it ([`UserTokens`]). A crate of its own, because `users` depends on `pictures` to delete
//! a user's pictures.

mod cache;
mod tokens;

use aws_sdk_dynamodb::{
    error::BuildError,
    types::{AttributeValue, ConditionCheck},
};

pub use tokens::{TokenStoreError, UserTokens};

/// The partition key's attribute.
pub const PARTITION_KEY: &str = "pk";

/// The attribute of a user's item that counts how often they revoked their tokens. It is missing
/// until they do. A token counts if its own generation is as high.
pub const GENERATION: &str = "token_generation";

/// The attribute of a user's item while the user is being deleted.
pub const DELETING: &str = "deleting";

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
