//! The limits that every transport shares.

use std::time::Duration;

pub(crate) use trichrome_proto::wire::limits::*;

/// How long a client may take to send its request: a picture at 1 Mbit/s. The call's own time
/// limit starts after that.
pub(crate) const UPLOAD_TIMEOUT: Duration = Duration::from_secs(60);
