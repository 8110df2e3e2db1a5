//! Pictures: checking, storing, reading and deleting them.
//!
//! [`content`] decodes base64 and [`trichrome_image`] checks that the bytes are a picture. `create`,
//! `list`, `get`, `update` and `delete` are the contract's operations on a [`PictureStore`], which
//! keeps the bytes in S3 and a row with their metadata in DynamoDB. `upload` has the operations for
//! files that clients send to S3 themselves. `sweep` removes what failed uploads left. They are independent of Lambda, HTTP and Kafka; only `wiring` and the binaries use
//! the shell.

pub mod content;
mod create;
mod cursor;
mod delete;
pub mod derive;
mod error;
mod file_name;
mod get;
mod index;
mod links;
mod list;
mod picture;
mod purge;
mod redirect;
mod store;
mod sweep;
#[cfg(test)]
mod testing;
mod update;
mod upload;
mod wiring;

pub use create::{NewPictures, UsersTable};
pub use derive::{Deriver, MAX_UPLOAD_BYTES};
pub use error::Error;
pub use picture::{Derivation, Derived, Picture};
pub use purge::Purged;
pub use store::{Content, Derivative, Layout, ORIGINALS, ObjectKey, PictureStore, Places, Quota};
pub use sweep::{Fuse, Mode, Refusal, Swept};
pub use upload::Uploads;
