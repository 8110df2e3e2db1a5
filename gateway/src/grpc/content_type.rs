//! The content types of gRPC and gRPC-Web.

use axum::{
    body::Body,
    extract::Request,
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE},
};
use trichrome_proto::error::{ApiError, ErrorCode};

use super::{status, web_text};

const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const WEB: HeaderValue = HeaderValue::from_static("application/grpc-web+proto");
const WEB_TEXT: HeaderValue = HeaderValue::from_static("application/grpc-web-text+proto");

/// How a request's messages are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Grpc,
    Web,
    /// gRPC-Web as base64.
    WebText,
}

/// The encoding that a request's content type names. `None` if it isn't one of protobuf messages:
/// `application/grpc+json`, for example, has other messages.
fn encoding(headers: &HeaderMap) -> Option<Encoding> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let essence = value.split(';').next().unwrap_or_default().trim();
    match &*essence.to_ascii_lowercase() {
        "application/grpc" | "application/grpc+proto" => Some(Encoding::Grpc),
        "application/grpc-web" | "application/grpc-web+proto" => Some(Encoding::Web),
        "application/grpc-web-text" | "application/grpc-web-text+proto" => Some(Encoding::WebText),
        _ => None,
    }
}

/// Refuses other content types, and passes on the rest as the layer for gRPC-Web expects them.
pub(super) async fn normalize(mut request: Request, next: Next) -> Response {
    let Some(encoding) = encoding(request.headers()) else {
        return unsupported();
    };
    let headers = request.headers_mut();
    match encoding {
        Encoding::Grpc => {
            headers.insert(CONTENT_TYPE, GRPC);
        }
        Encoding::Web => {
            headers.insert(CONTENT_TYPE, WEB);
        }
        Encoding::WebText => {
            headers.insert(CONTENT_TYPE, WEB);
            // The decoded body is shorter.
            headers.remove(CONTENT_LENGTH);
            headers.entry(ACCEPT).or_insert(WEB_TEXT);
            request = request.map(|body| Body::from_stream(web_text::decode(body)));
        }
    }
    next.run(request).await
}

/// 415, as the protocol requires ("PROTOCOL-HTTP2", Content-Type). The status is for clients that
/// read it regardless of the HTTP status, as grpc-go sends it.
fn unsupported() -> Response {
    let error = ApiError::new(
        ErrorCode::UnsupportedMediaType,
        "the content type must be application/grpc, application/grpc-web or \
         application/grpc-web-text, with protobuf messages",
    );
    let status = status::without_call(&error);
    let mut response = status.into_http::<tonic::body::Body>().into_response();
    *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_protobuf_is_supported() {
        let encoding = |text: &'static str| {
            let headers = [(CONTENT_TYPE, HeaderValue::from_static(text))];
            super::encoding(&headers.into_iter().collect())
        };
        assert_eq!(encoding("application/grpc"), Some(Encoding::Grpc));
        assert_eq!(
            encoding("Application/gRPC+Proto; a=b"),
            Some(Encoding::Grpc)
        );
        assert_eq!(encoding("application/grpc-web+proto"), Some(Encoding::Web));
        assert_eq!(
            encoding("application/grpc-web-text"),
            Some(Encoding::WebText)
        );
        for other in [
            "application/grpc+json",
            "application/grpc+thrift",
            "application/grpcs",
            "application/grpc-web+json",
            "application/grpc-web-text+json",
            "application/json",
            "application/proto",
            "",
        ] {
            assert_eq!(encoding(other), None, "{other}");
        }
        assert_eq!(super::encoding(&HeaderMap::new()), None);
    }
}
