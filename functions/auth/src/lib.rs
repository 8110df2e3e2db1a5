//! Signing up, logging in, and checking tokens.
//!
//! [`Sessions`] signs users up and logs them in, [`Signer`] signs their tokens, and [`guard`]
//! checks a token for another service. Users and passwords belong to `trichrome-users`, and the
//! shell verifies tokens, as it does for every function.

mod error;
pub mod guard;
mod key;
mod session;
mod sign;
#[cfg(test)]
mod testing;
mod wiring;

pub use error::Error;
pub use session::Sessions;
pub use sign::{Ready, Signer, TokenTerms};
