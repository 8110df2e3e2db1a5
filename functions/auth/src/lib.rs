//! Signing up, logging in, and checking tokens.
//!
//! [`Sessions`] signs users up and in, [`Signer`] makes their tokens, [`guard`] says whose
//! token one is. Who a user is, and what their password is, is `trichrome-users`' to know;
//! checking a signature is the shell's, which does it for every function.

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
