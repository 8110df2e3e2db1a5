//! Size and time limits that apply to every transport.

use std::time::Duration;

pub(crate) use trichrome_proto::wire::limits::*;

/// The time limit for receiving a request: enough for a picture at 1 Mbit/s. The call's timeout
/// starts after that.
pub(crate) const UPLOAD_TIMEOUT: Duration = Duration::from_secs(60);
