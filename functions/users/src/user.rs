//! A user, as others see them.

use trichrome_proto::users::UserMessage;

/// A user, without anything secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// A random UUID.
    pub id: String,
    /// Unique among all users.
    pub username: String,
}

/// A user whose password was checked or set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The user.
    pub user: User,
    /// The generation of the user's new tokens.
    pub generation: u64,
}

impl From<User> for UserMessage {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            username: user.username,
        }
    }
}
