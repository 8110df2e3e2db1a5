//! The shell that every Lambda function shares.
//!
//! A function says what it needs and what it does ([`Function`]); the shell does what all
//! of them must do alike: configuration from the environment, JSON logs, the contract's
//! token check and validation, one error shape, and the call log after the response. It is
//! the only place that knows Lambda and HTTP.

mod after;
mod call_log;
mod emf;
mod env;
mod function;
mod logs;
mod request;
mod response;
mod shell;
mod start;
mod token;

pub use env::Env;
pub use function::{Call, EventFunction, Function, Transport};
pub use start::{run, run_events};
pub use token::{Claims, TokenError, Verifier};
