//! The operator's pages: health, metrics and profiles, on a port of their own.
//!
//! Health is on the HTTP port, too, for load balancers that reach no other port.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    middleware::map_response,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{
    HeaderMap, StatusCode,
    header::{ACCEPT, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
};

use super::{health::Readiness, metrics::Metrics, profile};
use crate::http::NOSNIFF;

/// All routes of the operator's port.
pub(crate) fn router(readiness: Readiness, metrics: Arc<Metrics>) -> Router {
    health(readiness)
        .route("/metrics", get(metrics_page).with_state(metrics))
        .merge(profile::router())
        .layer(map_response(async |mut response: Response| {
            let headers = response.headers_mut();
            headers.insert(X_CONTENT_TYPE_OPTIONS, NOSNIFF);
            response
        }))
}

/// `/healthz`, whether the process answers, and `/readyz`, whether it can serve.
pub(crate) fn health(readiness: Readiness) -> Router {
    Router::new()
        .route(
            "/healthz",
            get(async || Json(serde_json::json!({"status": "ok"}))),
        )
        .route("/readyz", get(ready).with_state(readiness))
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

async fn metrics_page(State(metrics): State<Arc<Metrics>>, headers: HeaderMap) -> Response {
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    match metrics.encode(accept.unwrap_or_default()) {
        Ok((kind, text)) => ([(CONTENT_TYPE, kind)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http::Request;
    use http_body_util::BodyExt as _;
    use tokio_util::sync::CancellationToken;
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn the_operators_port_has_health_metrics_and_profiles() {
        let readiness = Readiness::new(Vec::new(), CancellationToken::new());
        let router = router(readiness, Arc::new(Metrics::new()));
        for (path, status, start) in [
            ("/healthz", 200, "{\"status\":\"ok\"}"),
            ("/readyz", 200, "{\"ready\":true"),
            ("/metrics", 200, "# HELP"),
            ("/debug/pprof/heap", 501, "this gateway was built"),
            ("/rest/pictures", 404, ""),
        ] {
            let request = Request::get(path).body(Body::empty()).unwrap();
            let response = router.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), status, "{path}");
            assert_eq!(response.headers()[X_CONTENT_TYPE_OPTIONS], "nosniff");
            let body = response.into_body().collect().await.unwrap().to_bytes();
            assert!(body.starts_with(start.as_bytes()), "{path}: {body:?}");
        }
    }
}
