//! The protocol between callers, the gateway and the functions: transports, header names, the
//! invoke event and its response, and limits.

pub mod event;
pub mod header;
pub mod limits;
pub mod media;
pub mod metadata;
mod proxies;
pub mod record;
mod response;
mod trace;
mod transport;

pub use event::Event;
pub use proxies::TrustedProxies;
pub use response::Response;
pub use trace::ClientContext;
pub use transport::{Transport, UnknownTransport};
