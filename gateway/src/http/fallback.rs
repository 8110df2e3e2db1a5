//! What is answered where there is no page, and to a method that no page takes.

use axum::{Extension, response::Response};

use super::facade::response::Refusal;
use crate::call::context::Context;

/// There is nothing at this path.
pub(crate) async fn not_found(Extension(context): Extension<Context>) -> Response {
    Refusal::not_found().into_response(&context)
}

/// The path is there to be read.
pub(crate) async fn method_not_allowed(Extension(context): Extension<Context>) -> Response {
    Refusal::method(vec!["GET", "HEAD"]).into_response(&context)
}
