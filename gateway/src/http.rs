//! The HTTP port: the facade, the operator's pages, the documentation and the web app.

use std::{any::Any, path::Path, sync::Arc};

use axum::{
    Extension, Json, Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderValue, StatusCode, header::CONTENT_TYPE};
use tower_http::catch_panic::CatchPanicLayer;

use crate::{
    call::internal,
    context::{Context, REQUEST_ID, TRACEPARENT},
    cors, docs,
    facade::{self, Facade, answer::Refusal},
    health::Readiness,
    metrics::{self, Metrics},
    site,
};

/// Everything on the HTTP port.
pub fn router(
    facade: Facade,
    readiness: Readiness,
    metrics: Arc<Metrics>,
    origins: &[HeaderValue],
    web_root: Option<&Path>,
) -> Router {
    let pages = Router::new()
        .route(
            "/healthz",
            get(async || Json(serde_json::json!({"status": "ok"}))),
        )
        .route("/readyz", get(ready).with_state(readiness))
        .route("/metrics", get(render).with_state(metrics))
        .merge(docs::router());
    let pages = match web_root {
        Some(root) => pages.merge(site::router(root)),
        None => pages.fallback(not_found),
    };
    pages
        .merge(facade::router(facade))
        .method_not_allowed_fallback(method_not_allowed)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn(identify))
        .layer(cors::http(origins))
}

/// Gives each request its context, and each answer what finds it in the logs.
async fn identify(mut request: Request, next: Next) -> Response {
    let context = Context::read(|name| request.headers().get(name)?.to_str().ok());
    request.extensions_mut().insert(context.clone());
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (REQUEST_ID, context.request_id.as_str()),
        (TRACEPARENT, context.trace.parent()),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    response
}

async fn ready(State(readiness): State<Readiness>) -> Response {
    let report = readiness.report().await;
    let status = if report.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(report)).into_response()
}

async fn render(State(metrics): State<Arc<Metrics>>) -> Response {
    match metrics.render() {
        Ok(text) => ([(CONTENT_TYPE, metrics::MEDIA_TYPE)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// There is nothing at this path.
pub async fn not_found(Extension(context): Extension<Context>) -> Response {
    Refusal::not_found().into_response(&context.request_id)
}

async fn method_not_allowed(Extension(context): Extension<Context>) -> Response {
    Refusal::method(vec!["GET", "HEAD"]).into_response(&context.request_id)
}

fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    Refusal::from(internal()).into_response("")
}
