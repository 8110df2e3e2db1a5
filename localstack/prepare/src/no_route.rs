//! The local REST API's response to unknown paths and methods.
//!
//! `cargo lambda watch` passes a request that matches no route to its default function.
//! Without one, the request would hang.

use lambda_http::{
    Body, Request, Response,
    http::{StatusCode, header},
};
use tracing::Span;
use trichrome_proto::{
    contract::{Route, route},
    error::{ErrorBody, ErrorCode},
    wire::header::REQUEST_ID,
};
use trichrome_telemetry::{Origin, Trace};

/// The error response.
///
/// # Errors
///
/// Never in practice: all headers are valid.
pub fn answer(request: &Request, request_id: &str) -> Result<Response<Body>, lambda_http::Error> {
    let (method, path) = (request.method().as_str(), request.uri().path());
    let (code, message, allow) = match route(method, path) {
        Route::MethodNotAllowed { allow } => {
            let allow = allow.join(", ");
            let message = format!("{path} doesn't allow {method}; it allows {allow}");
            (ErrorCode::MethodNotAllowed, message, Some(allow))
        }
        // `Found` means that `cargo lambda watch` lacks one of the contract's routes.
        Route::NotFound | Route::Found { .. } => {
            (ErrorCode::NotFound, format!("no such path: {path}"), None)
        }
    };
    let trace = trace_id(request);
    let body = serde_json::to_string(&ErrorBody::new(code, message, request_id, trace))?;
    let mut response = Response::builder()
        .status(StatusCode::from_u16(code.http())?)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .header(REQUEST_ID, request_id);
    if let Some(allow) = allow {
        response = response.header(header::ALLOW, allow);
    }
    Ok(response.body(Body::from(body))?)
}

/// The caller's trace id, or a new one.
fn trace_id(request: &Request) -> String {
    let origin = Origin::read(|name| request.headers().get(name)?.to_str().ok());
    Trace::adopt(&Span::none(), origin).id().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(method: &str, path: &str) -> (u16, Option<String>, String) {
        let request = lambda_http::http::Request::builder()
            .method(method)
            .uri(format!("http://localhost{path}"))
            .body(Body::Empty)
            .unwrap();
        let response = answer(&request, "r-1").unwrap();
        let allow = response.headers().get(header::ALLOW);
        let allow = allow.map(|value| value.to_str().unwrap().to_owned());
        let body = String::from_utf8(response.body().to_vec()).unwrap();
        (response.status().as_u16(), allow, body)
    }

    #[test]
    fn an_unknown_path_is_not_found() {
        let (status, allow, body) = ask("GET", "/nowhere");
        assert_eq!((status, allow), (404, None));
        assert!(body.contains(r#""code":"NOT_FOUND""#), "{body}");
        assert!(body.contains(r#""request_id":"r-1""#), "{body}");
    }

    #[test]
    fn a_wrong_method_gets_the_allowed_ones() {
        let (status, allow, body) = ask("PUT", "/pictures");
        assert_eq!(status, 405);
        let allow = allow.unwrap();
        assert!(allow.contains("GET") && allow.contains("POST"), "{allow}");
        assert!(body.contains("METHOD_NOT_ALLOWED"), "{body}");
    }
}
