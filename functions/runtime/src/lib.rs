//! The shell that all Lambda functions share.
//!
//! A function implements [`Function`], or [`EventFunction`] for AWS's own events. The shell does
//! what all functions have in common: configuration from the environment, JSON logs, the
//! contract's token check and validation, the error format, and the call log after the response.
//! Only the shell depends on Lambda and HTTP.

mod after;
mod call_log;
mod emf;
mod entry;
mod env;
mod event;
mod function;
mod handover;
mod logs;
mod origin;
mod request;
mod response;
mod response_cache;
mod shell;
mod start;
mod token;
mod token_check;

pub use env::Env;
pub use function::{Call, EventFunction, Function};
pub use response_cache::{Found, NoCache, ResponseCache};
pub use start::{run, run_cached, run_events};
pub use token::{Claims, TokenError, Verifier};
pub use token_check::{NoTokens, TokenCheck};
