//! Users as DynamoDB items.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    error::BuildError,
    types::{AttributeValue, TransactWriteItem, Update},
};
use trichrome_users_table::{DELETING, GENERATION, PARTITION_KEY, USER_EXISTS, user_key};

use super::{NewUser, Revocation};
use crate::{Error, User};

type Item = HashMap<String, AttributeValue>;

/// A user's item.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) user: User,
    /// Whether the user is being deleted.
    pub(crate) deleting: bool,
    /// The generation of new tokens.
    pub(crate) generation: u64,
    /// The key of the call that began this generation.
    pub(crate) revoked_by: Option<String>,
}

/// A name's item. It has no `Debug`, because it holds the password hash.
pub(crate) struct Owner {
    pub(crate) user_id: String,
    /// A PHC string.
    pub(crate) password_hash: String,
    /// The key of the call that created the user.
    pub(crate) idempotency_key: Option<String>,
    /// The generation of new tokens.
    pub(crate) generation: u64,
}

/// The key of a name's item. 255 characters of 4 bytes, or of the 6 that a form may need instead of
/// 3, are well below DynamoDB's limit of 2,048 bytes.
pub(super) fn name_key(username: &str) -> AttributeValue {
    AttributeValue::S(format!("name#{username}"))
}

/// The key of the item that remembers a deletion.
pub(super) fn gone_key(user_id: &str) -> AttributeValue {
    AttributeValue::S(format!("gone#{user_id}"))
}

/// The item of a new user.
pub(super) fn user(new: &NewUser<'_>) -> Item {
    HashMap::from([
        (PARTITION_KEY.to_owned(), user_key(&new.user.id)),
        ("id".to_owned(), string(&new.user.id)),
        ("username".to_owned(), string(&new.user.username)),
        ("created_at".to_owned(), string(new.created_at)),
    ])
}

/// The item of a new user's name.
pub(super) fn name(new: &NewUser<'_>) -> Item {
    let mut item = HashMap::from([
        (PARTITION_KEY.to_owned(), name_key(&new.user.username)),
        ("user_id".to_owned(), string(&new.user.id)),
        ("password_hash".to_owned(), string(new.password_hash)),
    ]);
    if let Some(key) = new.idempotency_key {
        item.insert("idempotency_key".to_owned(), string(key));
    }
    item
}

impl TryFrom<Item> for Record {
    type Error = Error;

    fn try_from(mut item: Item) -> Result<Self, Error> {
        Ok(Self {
            user: User {
                id: text(&mut item, "id")?,
                username: text(&mut item, "username")?,
            },
            deleting: item.contains_key(DELETING),
            generation: generation(&mut item)?,
            revoked_by: optional_text(&mut item, "revoked_by")?,
        })
    }
}

impl TryFrom<Item> for Owner {
    type Error = Error;

    fn try_from(mut item: Item) -> Result<Self, Error> {
        Ok(Self {
            user_id: text(&mut item, "user_id")?,
            password_hash: text(&mut item, "password_hash")?,
            idempotency_key: optional_text(&mut item, "idempotency_key")?,
            generation: generation(&mut item)?,
        })
    }
}

/// A required text attribute.
pub(super) fn text(item: &mut Item, name: &'static str) -> Result<String, Error> {
    match item.remove(name) {
        Some(AttributeValue::S(text)) => Ok(text),
        _ => Err(Error::Store(
            format!("an item without the text attribute {name}").into(),
        )),
    }
}

fn optional_text(item: &mut Item, name: &'static str) -> Result<Option<String>, Error> {
    match item.contains_key(name) {
        true => text(item, name).map(Some),
        false => Ok(None),
    }
}

/// The generation of tokens, which is missing until they were revoked.
fn generation(item: &mut Item) -> Result<u64, Error> {
    match item.remove(GENERATION) {
        None => Some(0),
        Some(AttributeValue::N(number)) => number.parse().ok(),
        Some(_) => None,
    }
    .ok_or_else(|| Error::Store(format!("{GENERATION} is not a number").into()))
}

/// The updates of a user's items.
pub(super) fn revocation(
    table: &str,
    revocation: &Revocation<'_>,
) -> Result<Vec<TransactWriteItem>, BuildError> {
    let user = revocation.user;
    let before = revocation.generation - 1;
    let builder = || {
        Update::builder()
            .table_name(table)
            .expression_attribute_values(":next", number(revocation.generation))
            .expression_attribute_values(":before", number(before))
    };
    // The items of versions before 0.2 have no generation, which is 0.
    let unchanged = match before {
        0 => format!("(attribute_not_exists({GENERATION}) OR {GENERATION} = :before)"),
        _ => format!("{GENERATION} = :before"),
    };

    let mut of_user = builder()
        .key(PARTITION_KEY, user_key(&user.id))
        .condition_expression(format!("{USER_EXISTS} AND {unchanged}"));
    of_user = match revocation.idempotency_key {
        Some(key) => of_user
            .update_expression(format!("SET {GENERATION} = :next, revoked_by = :key"))
            .expression_attribute_values(":key", string(key)),
        None => of_user.update_expression(format!("SET {GENERATION} = :next REMOVE revoked_by")),
    };

    let condition = format!("user_id = :id AND {unchanged}");
    let mut of_name = builder()
        .key(PARTITION_KEY, name_key(&user.username))
        .expression_attribute_values(":id", string(&user.id));
    of_name = match revocation.passwords {
        Some((present, new)) => of_name
            .update_expression(format!("SET {GENERATION} = :next, password_hash = :new"))
            .condition_expression(format!("{condition} AND password_hash = :present"))
            .expression_attribute_values(":new", string(new))
            .expression_attribute_values(":present", string(present)),
        None => of_name
            .update_expression(format!("SET {GENERATION} = :next"))
            .condition_expression(condition),
    };

    [of_user, of_name]
        .into_iter()
        .map(|update| Ok(TransactWriteItem::builder().update(update.build()?).build()))
        .collect()
}

pub(super) fn string(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

pub(crate) fn number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}
