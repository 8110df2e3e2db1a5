//! Pictures: what is one, and where they are kept.
//!
//! [`content`] and [`image`] say what is taken as a picture. [`create`], [`list`], [`get`]
//! and [`delete`] are the operations of the contract, over a [`PictureStore`]: bytes in S3,
//! a row about them in DynamoDB. [`sweep`] cleans up after them. None of them knows of
//! Lambda, HTTP or Kafka; only `wiring` and the binaries know the shell.

pub mod content;
mod create;
mod cursor;
mod delete;
mod error;
mod get;
pub mod image;
mod list;
mod picture;
mod purge;
mod store;
mod sweep;
#[cfg(test)]
mod testing;
mod wiring;

pub use create::{NewPictures, UsersTable};
pub use error::Error;
pub use picture::Picture;
pub use purge::Purged;
pub use store::{PictureStore, Places};
pub use sweep::Swept;
