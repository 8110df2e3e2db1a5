//! Slowing down the guessing of passwords.
//!
//! Failures are counted for a username, whether or not it exists, and where they come from:
//!
//! | attempts | counted | free failures |
//! |---|---|---|
//! | from an address block | for that block | 10 |
//! | from blocks where the user never logged in | also for all such blocks together | 50 |
//! | over Kafka, which shows no address | for Kafka | 10 |
//!
//! After the free failures, each one delays the next attempt: by 1 s, 2 s, 4 s and so on, up to a
//! minute. An attempt during the delay is refused before the password is looked at, and doesn't
//! extend it. A failure is forgotten after a quarter of an hour without another one.
//!
//! So a stranger doesn't delay others: a block where the user signed up or logged in within 90 days
//! has a counter of its own. If strangers fail from so many blocks that all new ones are delayed,
//! an attempt from a new block passes once a minute at most.
//!
//! An attempt is counted before its password is checked, and taken back if it succeeds. Each count
//! is a conditional write, so that no number of attempts at once exceeds the limits.

mod address;
mod attempt;
mod counter;
mod signups;
mod store;

pub use signups::SignupLimits;

pub(crate) use self::{attempt::Throttle, signups::Signups, store::CounterStore};
