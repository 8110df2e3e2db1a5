//! Sizes in bytes, and time limits.

use std::time::Duration;

/// The largest request body of a REST API. (AWS, "Quotas for configuring and running a REST API in
/// API Gateway".)
pub(crate) const MAX_BODY: usize = 10 * 1024 * 1024;

/// The largest event and answer of a synchronous invocation: 6 MB of payload and 100 bytes. (AWS,
/// "Lambda quotas"; the exact number is in Lambda's error messages.)
pub(crate) const MAX_PAYLOAD: usize = 6 * 1024 * 1024 + 100;

/// The largest event of an asynchronous invocation. (AWS, "Lambda quotas".)
pub(crate) const MAX_ASYNC_PAYLOAD: usize = 1024 * 1024;

/// How long API Gateway waits for a function. (AWS, the REST API's quotas.)
pub(crate) const INTEGRATION_TIMEOUT: Duration = Duration::from_secs(29);

/// The longest invocation. (AWS, "Lambda quotas".)
pub(crate) const MAX_INVOCATION: Duration = Duration::from_secs(900);

/// Time allowed for a request's body to arrive.
pub(crate) const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Time allowed for the requests that have begun, and again for the invocations without a caller,
/// when the program is asked to end.
pub(crate) const DRAIN_TIMEOUT: Duration = Duration::from_secs(4);

/// Invocations of one function that cargo-lambda has at a time. It stops serving for good when
/// more than a hundred wait for one function.
pub(crate) const IN_FLIGHT: usize = 32;

/// Invocations of one function that wait here. Further ones are throttled.
pub(crate) const WAITING: usize = 1000;

/// How long an invocation waits here. Then it is throttled.
pub(crate) const WAIT_TIMEOUT: Duration = Duration::from_secs(30);

/// Bytes of asynchronous events that are waiting or running. Further ones are throttled.
pub(crate) const BACKGROUND_BYTES: usize = 64 * 1024 * 1024;
