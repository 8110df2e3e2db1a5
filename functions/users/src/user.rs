//! What a user is.

use trichrome_proto::users::UserMessage;

/// A user, as others may see them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The user's id, a UUID that says nothing of the user.
    pub id: String,
    /// The user's name.
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
