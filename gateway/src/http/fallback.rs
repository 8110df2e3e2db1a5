//! The responses to unknown paths and unsupported methods.

use axum::{Extension, response::Response};

use super::facade::response::Refusal;
use crate::call::context::Context;

pub(crate) async fn not_found(Extension(context): Extension<Context>) -> Response {
    Refusal::not_found().into_response(&context)
}

pub(crate) async fn method_not_allowed(Extension(context): Extension<Context>) -> Response {
    Refusal::method_not_allowed(vec!["GET", "HEAD"]).into_response(&context)
}
