//! Secrets from where they live: the environment, a file, AWS Secrets Manager, or Vault and OpenBao.
//!
//! [`SecretSource`] is parsed once, at the start, from variables such as `DATABASE_URL`,
//! `DATABASE_URL_FILE` and `DATABASE_URL_SOURCE`. [`Opener`] makes a [`Secret`] of it, which keeps
//! the value for a while, reads it again when it may have changed, and at once when a service
//! refuses it ([`Secret::refresh`]).
//!
//! No secret is in a `Debug`, a log or an error of this crate.

mod error;
mod file;
mod open;
mod parsed;
mod secret;
#[cfg(feature = "aws")]
mod secrets_manager;
#[cfg(feature = "aws")]
pub mod signing;
mod source;
mod value;
#[cfg(feature = "vault")]
mod vault;

pub use error::SecretError;
pub use open::Opener;
pub use parsed::Parsed;
pub use secret::Secret;
pub use source::{Forms, SecretSource};
pub use value::Value;
