//! What every program of the workspace needs before it can start: its configuration from the
//! environment, with all problems reported at once, and errors printed with their causes.

mod error_chain;
mod variables;

pub use error_chain::error_chain;
pub use variables::{InvalidEnvironment, Variables};

/// The exit status of a wrong configuration or command line (`EX_USAGE` of sysexits.h).
pub const EX_USAGE: u8 = 64;
