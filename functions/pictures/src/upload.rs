//! Uploads of any size: the client sends the bytes to S3 with presigned requests.

use std::time::Duration;

/// How long an upload may take from its beginning to its completion.
pub(crate) const UPLOAD_LIFE: Duration = Duration::from_secs(24 * 60 * 60);
