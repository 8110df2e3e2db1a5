//! The people who own pictures: creating, finding, checking and deleting a user, changing a
//! password and revoking tokens.
//!
//! [`Users`] is the domain. It keeps users in DynamoDB ([`UserStore`]), hashes their
//! passwords with argon2id ([`Passwords`]) and is independent of Lambda, HTTP and Kafka.
//! Each file in `src/bin` runs one of its operations in the shell.

mod delete;
mod error;
mod password;
mod revoke;
mod store;
#[cfg(test)]
mod testing;
mod throttle;
mod user;
mod username;
mod users;
mod wiring;

pub use delete::Purge;
pub use error::Error;
pub use password::Passwords;
pub use revoke::Caller;
pub use store::UserStore;
pub use throttle::SignupLimits;
pub use user::{Account, User};
pub use username::Username;
pub use users::Users;
