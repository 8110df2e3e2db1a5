//! Serves the built web app at `/`.

use std::path::Path;

use axum::{
    Extension, Router,
    body::Body,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use http::{
    HeaderMap, HeaderValue, Method, StatusCode,
    header::{
        ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
        X_FRAME_OPTIONS,
    },
};
use tower::ServiceExt as _;
use tower_http::services::ServeDir;

use super::{
    NOSNIFF,
    fallback::not_found,
    policy::{PicturesOrigin, content_security_policy},
};
use crate::call::context::Context;

/// Vite puts a hash of the content into the names of these files, so their content never
/// changes.
const HASHED: &str = "/assets/";
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// `index.html` is revalidated each time, because it names the current assets.
const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");

/// Serves the files below `root`. Unknown paths requested by a browser get `index.html`, since
/// they are the app's own routes.
pub(crate) fn router(root: &Path, pictures: Option<&PicturesOrigin>) -> Router {
    Router::new().fallback(serve).with_state(Files {
        policy: content_security_policy(pictures),
        // The build writes a `.br` and a `.gz` file next to each file.
        dir: ServeDir::new(root)
            .append_index_html_on_directories(true)
            .precompressed_br()
            .precompressed_gzip(),
    })
}

#[derive(Clone)]
struct Files {
    dir: ServeDir,
    policy: HeaderValue,
}

async fn serve(
    State(files): State<Files>,
    Extension(context): Extension<Context>,
    request: Request,
) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return not_found(Extension(context)).await;
    }
    let hashed = request.uri().path().starts_with(HASHED);
    let wants_page = !hashed && accepts_html(request.headers());
    let page = page_request(&request);
    let found = if is_file_name(request.uri().path()) {
        let Ok(response) = files.dir.clone().oneshot(request).await;
        Some(response).filter(|response| response.status() != StatusCode::NOT_FOUND)
    } else {
        None
    };
    let mut response = match found {
        Some(response) => response.into_response(),
        None if wants_page => {
            let Ok(index) = files.dir.clone().oneshot(page).await;
            index.into_response()
        }
        None => return not_found(Extension(context)).await,
    };
    let cached = if hashed { FOREVER } else { REVALIDATE };
    response.headers_mut().insert(CACHE_CONTROL, cached);
    set_security_headers(response.headers_mut(), files.policy);
    response
}

/// A request for `index.html` with the browser's conditional headers.
fn page_request(request: &Request) -> Request {
    let mut page = Request::new(Body::empty());
    page.method_mut().clone_from(request.method());
    page.headers_mut().clone_from(request.headers());
    page
}

/// Whether a path can name a file. `ServeDir` answers 500 to the others, for which the system has
/// errors of their own.
fn is_file_name(path: &str) -> bool {
    // Linux's limits (limits.h) are 4,096 bytes for a path, which here includes the root, and 255
    // for a name, which here includes `.br` or `.gz`. Decoding only shortens both.
    const MAX_PATH: usize = 2048;
    const MAX_NAME: usize = 252;
    path.len() <= MAX_PATH
        && path.split('/').all(|name| name.len() <= MAX_NAME)
        && !path.contains("%00")
        // Redirected to the same path with a slash at its end, `//assets` would name a host.
        && !path.contains("//")
}

fn accepts_html(headers: &HeaderMap) -> bool {
    headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.contains("text/html"))
}

/// Sets the security headers of a page with this Content-Security-Policy.
pub(crate) fn set_security_headers(headers: &mut HeaderMap, policy: HeaderValue) {
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, policy),
        (X_CONTENT_TYPE_OPTIONS, NOSNIFF),
        (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ] {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use axum::middleware;
    use http::header::CONTENT_TYPE;

    use super::*;

    fn app() -> (tempfile::TempDir, Router) {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("assets")).unwrap();
        std::fs::write(root.path().join("index.html"), "<html>").unwrap();
        std::fs::write(root.path().join("assets/app-1a2b.js"), "1").unwrap();
        let pictures = PicturesOrigin::parse("http://localhost:4566").unwrap();
        let router = router(root.path(), Some(&pictures)).layer(middleware::from_fn(
            async |mut request: Request, next: middleware::Next| {
                request.extensions_mut().insert(Context::read(|_| None));
                next.run(request).await
            },
        ));
        (root, router)
    }

    async fn get(path: &str, accept: &str) -> Response {
        let (_root, app) = app();
        let request = Request::get(path).header(ACCEPT, accept);
        app.oneshot(request.body(Body::empty()).unwrap())
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn the_page_is_revalidated_and_assets_are_cached() {
        let page = get("/", "text/html").await;
        assert_eq!(page.status(), 200);
        assert_eq!(page.headers()[CACHE_CONTROL], "no-cache");
        let script = get("/assets/app-1a2b.js", "*/*").await;
        assert_eq!(script.headers()[CACHE_CONTROL], FOREVER);
        assert_eq!(script.headers()[X_CONTENT_TYPE_OPTIONS], "nosniff");
    }

    #[tokio::test]
    async fn the_apps_routes_get_its_page() {
        let page = get("/pictures/7", "text/html,*/*").await;
        assert_eq!(page.status(), 200);
        assert_eq!(page.headers()[CONTENT_TYPE], "text/html");
        let policy = page.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(
            policy.contains("img-src 'self' blob: http://localhost:4566;"),
            "{policy}"
        );
    }

    #[tokio::test]
    async fn other_unknown_paths_are_not_found() {
        assert_eq!(get("/nowhere", "application/json").await.status(), 404);
        assert_eq!(get("/assets/gone.js", "text/html").await.status(), 404);
        assert_eq!(get("/../../etc/passwd", "*/*").await.status(), 404);
    }

    #[tokio::test]
    async fn paths_that_name_no_file_are_not_found() {
        let long = format!("/{}", "a".repeat(256));
        let deep = "/a".repeat(2100);
        for path in [
            &*long,
            &*deep,
            "/a%00b",
            "/%ff%fe",
            "/index.html/more",
            "/%2e%2e/%2e%2e/etc/passwd",
            "//assets",
            "/%5c..%5c",
            "/%",
            "/%zz",
        ] {
            assert_eq!(get(path, "*/*").await.status(), 404, "{path}");
            let page = get(path, "text/html").await;
            assert_eq!(page.status(), 200, "{path}");
        }
    }
}
