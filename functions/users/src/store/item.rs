//! Users as DynamoDB items.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use trichrome_users_table::{PARTITION_KEY, user_key};

use super::NewUser;
use crate::{Error, User};

type Item = HashMap<String, AttributeValue>;

/// A user's item.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) user: User,
    /// Whether the user is being deleted.
    pub(crate) deleting: bool,
}

/// A name's item. It has no `Debug`, because it holds the password hash.
pub(crate) struct Owner {
    pub(crate) user_id: String,
    /// A PHC string.
    pub(crate) password_hash: String,
    /// The key of the call that created the user.
    pub(crate) idempotency_key: Option<String>,
}

/// The key of a name's item. 255 characters of 4 bytes, or of the 6 that a form may need instead of
/// 3, are well below DynamoDB's limit of 2,048 bytes.
pub(super) fn name_key(username: &str) -> AttributeValue {
    AttributeValue::S(format!("name#{username}"))
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
            deleting: item.contains_key("deleting"),
        })
    }
}

impl TryFrom<Item> for Owner {
    type Error = Error;

    fn try_from(mut item: Item) -> Result<Self, Error> {
        Ok(Self {
            user_id: text(&mut item, "user_id")?,
            password_hash: text(&mut item, "password_hash")?,
            idempotency_key: match item.contains_key("idempotency_key") {
                true => Some(text(&mut item, "idempotency_key")?),
                false => None,
            },
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

fn string(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}
