//! AWS clients of the functions.
//!
//! [`Clients`] configures all clients of a process alike, and [`AwsSpans`] traces their calls.
//! [`Failure`] is what is kept of a failed call, [`transact`] runs a DynamoDB transaction, and
//! [`backoff`] waits before a retry that the SDK doesn't make itself.

mod clients;
mod failure;
mod retry;
mod spans;
#[cfg(test)]
mod testing;
mod transaction;

pub use clients::Clients;
pub use failure::{Failure, is_throttling, is_transient};
pub use retry::backoff;
pub use spans::AwsSpans;
pub use transaction::{TransactionError, transact};
