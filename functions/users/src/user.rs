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

impl From<User> for UserMessage {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            username: user.username,
        }
    }
}
