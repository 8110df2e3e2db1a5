//! Tests of the gRPC port with fake functions.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderValue, Request, header::CONTENT_TYPE};
use http_body_util::{BodyExt as _, Full};
use hyper_util::{
    client::legacy::{Client as HttpClient, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::{Value, json};
use tonic::{Code, Request as GrpcRequest, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use trichrome_proto::{
    pictures::{CreateUserPictureRequest, GetUserPicturesRequest, pictures_client::PicturesClient},
    users::{DeleteUserRequest, GetUserDataRequest, users_client::UsersClient},
    wire::metadata,
};

use super::*;
use crate::{
    call::{
        call_log::tests::Logged,
        invoke::{InvokeError, tests::FakeInvoke},
        tests::calls,
    },
    http::{cors, server::Server},
};

pub(crate) struct Port {
    pub(crate) address: SocketAddr,
    pub(crate) logged: Arc<Logged>,
    pub(crate) health: Health,
    pub(crate) stop: CancellationToken,
}

/// Serves gRPC on a free port.
pub(crate) async fn serve(invoke: &Arc<FakeInvoke>) -> Port {
    let (calls, logged) = calls(invoke);
    let stop = CancellationToken::new();
    let origins = [HeaderValue::from_static("http://localhost:5173")];
    let operations = Operations::new(calls, Duration::from_secs(10));
    let (router, health) = router(operations, cors::grpc(&origins), stop.clone())
        .await
        .unwrap();
    let server = Server::local().await;
    let address = server.address();
    tokio::spawn(server.serve(router, stop.clone(), Duration::from_secs(5)));
    Port {
        address,
        logged,
        health,
        stop,
    }
}

fn answering(answer: Value) -> Arc<FakeInvoke> {
    FakeInvoke::answering(move |_, _| Ok(answer.clone()))
}

async fn channel(port: &Port) -> Channel {
    Channel::from_shared(format!("http://{}", port.address))
        .unwrap()
        .connect()
        .await
        .unwrap()
}

/// Sends a request with one message of these bytes.
async fn raw(port: &Port, path: &str, message: &[u8]) -> http::Response<Bytes> {
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(message.len() as u32);
    frame.put_slice(message);
    let client: HttpClient<HttpConnector, Full<Bytes>> = HttpClient::builder(TokioExecutor::new())
        .http2_only(true)
        .build_http();
    let request = Request::post(format!("http://{}{path}", port.address))
        .header(CONTENT_TYPE, "application/grpc")
        .header("te", "trailers")
        .body(Full::new(frame.freeze()))
        .unwrap();
    let (parts, body) = client.request(request).await.unwrap().into_parts();
    http::Response::from_parts(parts, body.collect().await.unwrap().to_bytes())
}

#[tokio::test]
async fn a_generated_client_is_served() {
    let invoke = FakeInvoke::answering(|_, event| {
        assert_eq!(event["routeKey"], "POST /pictures");
        assert_eq!(event["headers"]["authorization"], "Bearer t");
        assert_eq!(event["headers"]["idempotency-key"], "k");
        let body: Value = serde_json::from_str(event["body"].as_str().unwrap()).unwrap();
        assert_eq!(body, json!({"title": "t", "base64": "AA=="}));
        Ok(
            json!({"statusCode": 201, "body": json!({"id": "p", "title": "t", "size_bytes": 1,
            "created_at": "2026-01-31T12:00:00Z"}).to_string()}),
        )
    });
    let port = serve(&invoke).await;
    let mut client = PicturesClient::new(channel(&port).await);
    let mut request = GrpcRequest::new(CreateUserPictureRequest {
        title: "t".into(),
        base64: "AA==".into(),
        ..Default::default()
    });
    request
        .metadata_mut()
        .insert("authorization", "Bearer t".parse().unwrap());
    request
        .metadata_mut()
        .insert("idempotency-key", "k".parse().unwrap());
    let response = client.create_user_picture(request).await.unwrap();
    assert!(response.metadata().contains_key(metadata::REQUEST_ID));
    let picture = response.into_inner();
    assert_eq!((picture.id.as_str(), picture.size_bytes), ("p", 1));
    assert_eq!(picture.created_at.unwrap().seconds, 1_769_860_800);
    assert_eq!(port.logged.only()["status"], 201);
}

#[tokio::test]
async fn a_list_has_its_cursor_in_the_message() {
    let port = serve(&answering(json!({
        "statusCode": 200,
        "headers": {"next-cursor": "c"},
        "body": "[{\"id\":\"p\"}]",
    })))
    .await;
    let mut client = PicturesClient::new(channel(&port).await);
    let page = client
        .get_user_pictures(GetUserPicturesRequest::default())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(page.pictures[0].id, "p");
    assert_eq!(page.next_cursor, "c");
}

#[tokio::test]
async fn an_empty_answer_is_empty() {
    let port = serve(&answering(json!({"statusCode": 204}))).await;
    let mut client = UsersClient::new(channel(&port).await);
    let request = DeleteUserRequest {
        user_id: "u".into(),
    };
    client.delete_user(request).await.unwrap();
}

#[tokio::test]
async fn a_picture_of_4_mib_passes_in_both_directions() {
    let base64 = "A".repeat(4 * 1024 * 1024 / 3 * 4);
    let answer = json!({"id": "p", "base64": base64}).to_string();
    let port = serve(&answering(json!({"statusCode": 201, "body": answer}))).await;
    let mut client = PicturesClient::new(channel(&port).await).max_decoding_message_size(8 << 20);
    let request = CreateUserPictureRequest {
        title: "t".into(),
        base64: base64.clone(),
        ..Default::default()
    };
    let picture = client.create_user_picture(request).await.unwrap();
    assert!(picture.into_inner().base64 == base64);
}

#[tokio::test]
async fn a_functions_error_keeps_its_code() {
    let body =
        json!({"error": {"code": "PAYLOAD_TOO_LARGE", "message": "4 MiB", "request_id": ""}});
    let port = serve(&answering(
        json!({"statusCode": 413, "body": body.to_string()}),
    ))
    .await;
    let mut client = UsersClient::new(channel(&port).await);
    let status = client
        .get_user_data(GetUserDataRequest {
            user_id: "u".into(),
        })
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(status.message(), "4 MiB");
    assert_eq!(
        status.metadata().get("error-code").unwrap(),
        "PAYLOAD_TOO_LARGE"
    );
    assert!(status.metadata().contains_key("request-id"));
}

#[tokio::test]
async fn an_outage_is_unavailable() {
    let port = serve(&FakeInvoke::answering(|_, _| Err(InvokeError::Busy))).await;
    let mut client = UsersClient::new(channel(&port).await);
    let status = client
        .get_user_data(GetUserDataRequest {
            user_id: "u".into(),
        })
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
}

#[tokio::test]
async fn the_callers_timeout_applies() {
    let port = serve(&FakeInvoke::hanging()).await;
    let raw = {
        let client: HttpClient<HttpConnector, Full<Bytes>> =
            HttpClient::builder(TokioExecutor::new())
                .http2_only(true)
                .build_http();
        let request = Request::post(format!("http://{}/users.Users/GetUserData", port.address))
            .header(CONTENT_TYPE, "application/grpc")
            .header("grpc-timeout", "50m")
            // A GetUserDataRequest of user "u".
            .body(Full::new(Bytes::from_static(b"\0\0\0\0\x03\x0a\x01u")))
            .unwrap();
        client.request(request).await.unwrap()
    };
    assert_eq!(raw.headers()["grpc-status"], "4");
    assert_eq!(raw.headers()["error-code"], "DEADLINE_EXCEEDED");
    assert_eq!(port.logged.only()["status"], 504);
}

#[tokio::test]
async fn an_invalid_message_is_the_callers_mistake() {
    let port = serve(&answering(json!({"statusCode": 200}))).await;
    let response = raw(&port, "/users.Users/GetUserData", b"\xff\xff\xff").await;
    assert_eq!(response.headers()["grpc-status"], "3");
    assert_eq!(response.headers()["error-code"], "INVALID_ARGUMENT");
    assert!(response.headers().contains_key("request-id"));
    assert_eq!(port.logged.only()["status"], 400);
}

#[tokio::test]
async fn a_string_that_is_not_utf_8_is_invalid() {
    let port = serve(&answering(json!({"statusCode": 200}))).await;
    let response = raw(&port, "/users.Users/GetUserData", b"\x0a\x02\xff\xfe").await;
    assert_eq!(response.headers()["grpc-status"], "3");
}

#[tokio::test]
async fn a_message_over_the_limit_is_too_large() {
    let port = serve(&answering(json!({"statusCode": 200}))).await;
    let message = vec![0; crate::call::limits::MAX_MESSAGE + 1];
    let response = raw(&port, "/users.Users/GetUserData", &message).await;
    assert_eq!(response.headers()["grpc-status"], "8");
    assert_eq!(response.headers()["error-code"], "PAYLOAD_TOO_LARGE");
}

#[tokio::test]
async fn an_unknown_method_is_unimplemented() {
    let port = serve(&answering(json!({"statusCode": 200}))).await;
    for path in ["/users.Users/Nothing", "/nothing.Nothing/Nothing", "/"] {
        let response = raw(&port, path, b"").await;
        assert_eq!(response.headers()["grpc-status"], "12", "{path}");
        assert_eq!(response.headers()["error-code"], "UNIMPLEMENTED");
    }
}

#[tokio::test]
async fn health_is_per_service_and_ends_before_the_port_closes() {
    let port = serve(&answering(json!({"statusCode": 200}))).await;
    let mut client = HealthClient::new(channel(&port).await);
    let mut check = async |service: &str| {
        let request = HealthCheckRequest {
            service: service.into(),
        };
        client.check(request).await.map(|r| r.into_inner().status)
    };
    for service in services().into_iter().chain([""]) {
        assert_eq!(check(service).await.unwrap(), ServingStatus::Serving as i32);
    }
    assert_eq!(check("nothing").await.unwrap_err().code(), Code::NotFound);
    port.health.set_not_serving().await;
    for service in services().into_iter().chain([""]) {
        assert_eq!(
            check(service).await.unwrap(),
            ServingStatus::NotServing as i32
        );
    }
}

#[tokio::test]
async fn a_health_watch_does_not_outlast_the_port() {
    let port = serve(&answering(json!({"statusCode": 200}))).await;
    let mut client = HealthClient::new(channel(&port).await);
    let request = HealthCheckRequest {
        service: String::new(),
    };
    let mut watch = client.watch(request).await.unwrap().into_inner();
    assert!(watch.message().await.unwrap().is_some());
    port.stop.cancel();
    // How it ends doesn't matter, as long as it doesn't wait.
    let ended = tokio::time::timeout(Duration::from_secs(2), watch.message()).await;
    assert!(!matches!(ended.unwrap(), Ok(Some(_))));
}

#[tokio::test]
async fn reflection_lists_every_service_in_both_versions() {
    use tonic_reflection::pb::{v1, v1alpha};
    let port = serve(&answering(json!({"statusCode": 200}))).await;
    let channel = channel(&port).await;

    let request = v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(v1::server_reflection_request::MessageRequest::ListServices(
            String::new(),
        )),
    };
    let mut answers = v1::server_reflection_client::ServerReflectionClient::new(channel.clone())
        .server_reflection_info(tokio_stream::iter([request]))
        .await
        .unwrap()
        .into_inner();
    let answer = answers.message().await.unwrap().unwrap().message_response;
    let Some(v1::server_reflection_response::MessageResponse::ListServicesResponse(list)) = answer
    else {
        panic!("{answer:?}");
    };
    let names: Vec<_> = list
        .service
        .into_iter()
        .map(|service| service.name)
        .collect();
    for service in services() {
        assert!(names.iter().any(|name| name == service), "{names:?}");
    }
    assert!(
        names.iter().any(|name| name == "grpc.health.v1.Health"),
        "{names:?}"
    );

    let request = v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(
            v1alpha::server_reflection_request::MessageRequest::FileContainingSymbol(
                "pictures.Pictures".into(),
            ),
        ),
    };
    let mut answers = v1alpha::server_reflection_client::ServerReflectionClient::new(channel)
        .server_reflection_info(tokio_stream::iter([request]))
        .await
        .unwrap()
        .into_inner();
    assert!(answers.message().await.unwrap().is_some());
}

#[tokio::test]
async fn a_browser_is_served_over_http_1() {
    let port = serve(&answering(json!({
        "statusCode": 200, "body": "{\"id\":\"u\",\"username\":\"n\"}",
    })))
    .await;
    let client: HttpClient<HttpConnector, Full<Bytes>> =
        HttpClient::builder(TokioExecutor::new()).build_http();
    let request = Request::post(format!("http://{}/users.Users/GetUserData", port.address))
        .header(CONTENT_TYPE, "application/grpc-web+proto")
        .header("origin", "http://localhost:5173")
        .body(Full::new(Bytes::from_static(b"\0\0\0\0\x03\x0a\x01u")))
        .unwrap();
    let response = client.request(request).await.unwrap();
    assert_eq!(response.status(), 200);
    let headers = response.headers();
    assert_eq!(headers[CONTENT_TYPE], "application/grpc-web+proto");
    assert_eq!(
        headers["access-control-allow-origin"],
        "http://localhost:5173"
    );
    let exposed = headers["access-control-expose-headers"].to_str().unwrap();
    for name in [
        "grpc-status",
        "grpc-message",
        "grpc-status-details-bin",
        "error-code",
        "request-id",
    ] {
        assert!(exposed.contains(name), "{exposed}");
    }
    let body = response.into_body().collect().await.unwrap().to_bytes();
    // A UserMessage, then the trailers as a frame of the body.
    assert!(
        body.starts_with(b"\0\0\0\0\x06\x0a\x01u\x12\x01n"),
        "{body:?}"
    );
    assert!(body.windows(13).any(|w| w == b"grpc-status:0"), "{body:?}");
}

/// The frames of the responses to raw requests, by a client that shows them.
mod frames {
    use h2::client::SendRequest;

    use super::*;

    /// How a response's stream ended.
    #[derive(Debug, PartialEq, Eq)]
    enum End {
        /// With its first HEADERS frame.
        Headers(String),
        /// With a HEADERS frame after the messages.
        Trailers(String),
        /// With a DATA frame, which has no status.
        Data,
    }

    async fn connect(port: &Port) -> SendRequest<Bytes> {
        let stream = tokio::net::TcpStream::connect(port.address).await.unwrap();
        let (sender, connection) = h2::client::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        sender.ready().await.unwrap()
    }

    async fn ask(
        client: &mut SendRequest<Bytes>,
        path: &str,
        kind: &str,
        body: &[u8],
    ) -> (u16, End) {
        let request = Request::post(format!("http://localhost{path}"))
            .header(CONTENT_TYPE, kind)
            .header("te", "trailers")
            .body(())
            .unwrap();
        let (response, mut sender) = client.send_request(request, false).unwrap();
        sender
            .send_data(Bytes::copy_from_slice(body), true)
            .unwrap();
        let response = response.await.unwrap();
        let code = response.status().as_u16();
        let status = |headers: &http::HeaderMap| {
            let status = headers.get("grpc-status").expect("no grpc-status");
            status.to_str().unwrap().to_owned()
        };
        if response.body().is_end_stream() {
            return (code, End::Headers(status(response.headers())));
        }
        let mut body = response.into_body();
        while let Some(data) = body.data().await {
            let length = data.unwrap().len();
            body.flow_control().release_capacity(length).unwrap();
        }
        let trailers = body.trailers().await.unwrap();
        (
            code,
            trailers.map_or(End::Data, |trailers| End::Trailers(status(&trailers))),
        )
    }

    #[tokio::test]
    async fn every_response_ends_with_headers() {
        let user = json!({"statusCode": 200, "body": "{\"id\":\"u\"}"});
        let port = serve(&answering(user)).await;
        let mut client = connect(&port).await;
        let message = |bytes: &[u8]| [&[0, 0, 0, 0, bytes.len() as u8], bytes].concat();
        let health = "/grpc.health.v1.Health/Check";
        let user = "/users.Users/GetUserData";
        let reflection = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
        for (path, body, end) in [
            (user, message(b"\x0a\x01u"), End::Trailers("0".into())),
            (user, message(b"\xff"), End::Headers("3".into())),
            (user, b"\0\0\0".to_vec(), End::Headers("3".into())),
            (user, b"\x07\0\0\0\0".to_vec(), End::Headers("3".into())),
            (user, Vec::new(), End::Headers("12".into())),
            (
                "/users.Users/Paint",
                message(b""),
                End::Headers("12".into()),
            ),
            (
                "/paint.Paint/Paint",
                message(b""),
                End::Headers("12".into()),
            ),
            (health, message(b""), End::Trailers("0".into())),
            (health, message(b"\x0a\x01x"), End::Headers("5".into())),
            (health, message(b"\xff"), End::Headers("13".into())),
            (
                "/grpc.health.v1.Health/Paint",
                message(b""),
                End::Headers("12".into()),
            ),
            (reflection, Vec::new(), End::Trailers("0".into())),
            (reflection, message(b"\xff"), End::Trailers("13".into())),
        ] {
            let answer = ask(&mut client, path, "application/grpc", &body).await;
            assert_eq!(answer, (200, end), "{path} {body:?}");
        }
    }

    #[tokio::test]
    async fn other_content_types_are_unsupported() {
        let port = serve(&answering(json!({"statusCode": 200}))).await;
        let mut client = connect(&port).await;
        for path in ["/users.Users/GetUserData", "/grpc.health.v1.Health/Check"] {
            for kind in [
                "application/grpc+json",
                "application/json",
                "application/grpcx",
            ] {
                let answer = ask(&mut client, path, kind, b"\0\0\0\0\0").await;
                assert_eq!(answer, (415, End::Headers("3".into())), "{path} {kind}");
            }
        }
    }

    #[tokio::test]
    async fn more_or_fewer_messages_than_one_are_refused() {
        let port = serve(&answering(json!({"statusCode": 204}))).await;
        let mut client = connect(&port).await;
        let one = b"\0\0\0\0\x03\x0a\x01u";
        let empty = b"\0\0\0\0\0";
        for body in [
            [&one[..], one].concat(),
            [&one[..], empty].concat(),
            [&empty[..], empty].concat(),
            Vec::new(),
        ] {
            let answer = ask(
                &mut client,
                "/users.Users/DeleteUser",
                "application/grpc",
                &body,
            );
            assert_eq!(answer.await, (200, End::Headers("12".into())), "{body:?}");
        }
        let answer = ask(
            &mut client,
            "/users.Users/DeleteUser",
            "application/grpc",
            one,
        )
        .await;
        assert_eq!(answer, (200, End::Trailers("0".into())));
    }

    #[tokio::test]
    async fn a_head_over_the_limit_is_refused_and_the_connection_goes_on() {
        let user = json!({"statusCode": 200, "body": "{\"id\":\"u\"}"});
        let port = serve(&answering(user)).await;
        let mut client = connect(&port).await;
        for name in ["authorization", "idempotency-key", "x-any"] {
            let request = Request::post("http://localhost/users.Users/GetUserData")
                .header(CONTENT_TYPE, "application/grpc")
                .header(name, "a".repeat(16_000))
                .body(())
                .unwrap();
            let (response, _) = client.send_request(request, true).unwrap();
            let response = response.await.unwrap();
            assert_eq!(response.headers()["grpc-status"], "8", "{name}");
            assert_eq!(response.headers()["error-code"], "HEADERS_TOO_LARGE");
            let body = b"\0\0\0\0\x03\x0a\x01u";
            let next = ask(
                &mut client,
                "/users.Users/GetUserData",
                "application/grpc",
                body,
            );
            assert_eq!(next.await, (200, End::Trailers("0".into())));
        }
    }

    #[tokio::test]
    async fn a_watch_ends_with_a_status_when_the_gateway_stops() {
        let port = serve(&answering(json!({"statusCode": 200}))).await;
        let mut client = connect(&port).await;
        let watching = ask(
            &mut client,
            "/grpc.health.v1.Health/Watch",
            "application/grpc",
            b"\0\0\0\0\0",
        );
        let stop = async {
            tokio::task::yield_now().await;
            port.stop.cancel();
        };
        let (answer, ()) = tokio::join!(watching, stop);
        assert_eq!(answer, (200, End::Trailers("14".into())));
    }
}

#[tokio::test]
async fn messages_are_compressed_with_gzip() {
    use tonic::codec::CompressionEncoding::Gzip;
    use trichrome_proto::analytics::{GetLogRequest, analytics_client::AnalyticsClient};
    let log = json!({"transport": "rest", "service": "s".repeat(100), "method": "m"});
    let page = json!({"logs": vec![log; 100]}).to_string();
    let port = serve(&answering(json!({"statusCode": 200, "body": page}))).await;
    let mut client = AnalyticsClient::new(channel(&port).await)
        .send_compressed(Gzip)
        .accept_compressed(Gzip);
    let request = GetLogRequest {
        cursor: "c".repeat(200),
        ..GetLogRequest::default()
    };
    let response = client.get_log(request).await.unwrap();
    assert_eq!(response.metadata().get("grpc-encoding").unwrap(), "gzip");
    let accepted = response.metadata().get("grpc-accept-encoding").unwrap();
    assert_eq!(accepted, "identity,gzip");
    assert_eq!(response.into_inner().logs.len(), 100);
}

#[tokio::test]
async fn a_message_that_unpacks_to_more_than_the_limit_is_too_large() {
    use tonic::codec::CompressionEncoding::Gzip;
    let port = serve(&answering(json!({"statusCode": 201}))).await;
    let mut client = PicturesClient::new(channel(&port).await).send_compressed(Gzip);
    let request = CreateUserPictureRequest {
        title: "t".into(),
        base64: "A".repeat(crate::call::limits::MAX_MESSAGE + 1),
        ..Default::default()
    };
    let status = client.create_user_picture(request).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(
        status.metadata().get("error-code").unwrap(),
        "PAYLOAD_TOO_LARGE"
    );
}

#[test]
fn pictures_are_not_compressed_again() {
    for method in service::methods() {
        let output = method.operation.output.name;
        let has_picture = ["pictures.PictureMessage", "pictures.PicturesMessage"].contains(&output);
        assert_eq!(
            method.compress, !has_picture,
            "{}",
            method.operation.function
        );
    }
}

#[tokio::test]
async fn base64_in_padded_pieces_is_served() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let port = serve(&answering(json!({
        "statusCode": 200, "body": "{\"id\":\"u\",\"username\":\"n\"}",
    })))
    .await;
    // A message of user "u" in two pieces, the first of which is padded.
    let text = STANDARD.encode(b"\0\0\0\0") + &STANDARD.encode(b"\x03\x0a\x01u");
    let client: HttpClient<HttpConnector, Full<Bytes>> =
        HttpClient::builder(TokioExecutor::new()).build_http();
    let request = Request::post(format!("http://{}/users.Users/GetUserData", port.address))
        .header(CONTENT_TYPE, "application/grpc-web-text")
        .body(Full::new(Bytes::from(text)))
        .unwrap();
    let response = client.request(request).await.unwrap();
    let kind = &response.headers()[CONTENT_TYPE];
    assert_eq!(kind, "application/grpc-web-text+proto");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let message = STANDARD.encode(b"\0\0\0\0\x06\x0a\x01u\x12\x01n");
    assert!(body.starts_with(message.as_bytes()), "{body:?}");
}
