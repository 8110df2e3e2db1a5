//! API Gateway's REST API and Lambda's Invoke API, in front of `cargo lambda watch`.
//!
//! It reads a request whole before it invokes a function, and a function's answer whole before it
//! sends it on, in a task that a caller who disconnects doesn't cancel: cargo-lambda 1.9.2 ends a
//! function's process if its answer can't be passed on. What one caller does stays with that
//! caller.
//!
//! Reading order: [`serve`]; `rest` (the REST API) with `event` and `answer`; `invoke_api`;
//! `functions` (how a function is invoked), and `background` (`InvocationType: Event`).

mod background;
mod body;
mod functions;
mod invoke_api;
mod limits;
mod rest;
mod server;

use std::sync::Arc;

use axum::{Router, extract::DefaultBodyLimit, routing::post};
use tokio::{net::TcpListener, time::timeout};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::{background::Background, functions::Functions};

/// What the handlers share. Cheap to clone.
#[derive(Clone)]
struct Api {
    functions: Arc<Functions>,
    background: Background,
}

/// Serves both APIs until `stop`, then finishes what has begun, for up to eight seconds.
///
/// `lambda` is the address of `cargo lambda watch`. While nothing answers there, calls are refused
/// with 503.
pub async fn serve(listener: TcpListener, lambda: &Url, stop: CancellationToken) {
    let functions = Arc::new(Functions::new(lambda));
    let background = Background::new(Arc::clone(&functions), stop.clone());
    let api = Api {
        functions: Arc::clone(&functions),
        background,
    };
    let router = Router::new()
        .route(invoke_api::PATH, post(invoke_api::serve))
        .fallback(rest::serve)
        .layer(DefaultBodyLimit::disable())
        .with_state(api);
    server::serve(listener, router, stop).await;
    if timeout(limits::DRAIN_TIMEOUT, functions.finish())
        .await
        .is_err()
    {
        eprintln!("calls were still running at the end");
    }
}
