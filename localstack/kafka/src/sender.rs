//! The sender of a request.

/// The sender of a request.
pub(crate) struct Sender {
    /// The client id.
    pub(crate) client: String,
    /// Its address.
    pub(crate) host: String,
}
