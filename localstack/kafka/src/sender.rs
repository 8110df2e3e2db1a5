//! Who sent a request.

/// Who sent a request.
pub(crate) struct Sender {
    /// What the client calls itself.
    pub(crate) client: String,
    /// Where it is.
    pub(crate) host: String,
}
