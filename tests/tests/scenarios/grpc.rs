//! gRPC features besides calls: reflection, health, gRPC-Web, deadlines, and invalid messages.

use std::{collections::BTreeSet, time::Instant};

use anyhow::{Context as _, Result, ensure};
use bytes::{Buf as _, Bytes};
use prost::Message as _;
use serde_json::json;
use tonic::codec::CompressionEncoding;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_reflection::pb::{v1, v1alpha};
use trichrome_proto::{
    auth::{AuthResponse, LoginInput},
    contract::OPERATIONS,
    error::ErrorCode,
    users::{GetUserDataRequest, UserMessage, users_client::UsersClient},
    wire::{header::AUTHORIZATION, metadata},
};
use trichrome_tests::{clients::http::Answer, harness::Suite, scenario::Scenario, token};
use uuid::Uuid;

pub(crate) fn add(suite: &mut Suite) {
    suite.once("grpc::reflection_lists_every_service", reflection);
    suite.once("grpc::reflection_finds_the_contracts_options", options);
    suite.once("grpc::messages_may_be_compressed", compressed);
    suite.once("grpc::one_message_of_protobuf_is_served", one_message);
    suite.once("grpc::every_service_is_healthy", health);
    suite.once("grpc_web::a_call_from_a_browser", web);
    suite.once("grpc_web::errors_are_in_the_trailers", web_error);
    suite.once("grpc::an_exceeded_deadline_is_reported", deadline);
    suite.once("grpc::unknown_methods_are_unimplemented", unknown_methods);
    suite.once("grpc::invalid_messages_are_refused", no_message);
}

fn services() -> BTreeSet<String> {
    OPERATIONS
        .iter()
        .map(|operation| operation.grpc_service.to_owned())
        .collect()
}

async fn reflection(run: Scenario) -> Result<()> {
    let channel = run.stack().grpc.channel();
    let listed: BTreeSet<String> = {
        use v1::{
            server_reflection_client::ServerReflectionClient,
            server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
        };
        let request = v1::ServerReflectionRequest {
            host: String::new(),
            message_request: Some(MessageRequest::ListServices(String::new())),
        };
        let mut client = ServerReflectionClient::new(channel.clone());
        let mut answers = client
            .server_reflection_info(tokio_stream::iter([request]))
            .await?
            .into_inner();
        match answers
            .message()
            .await?
            .and_then(|answer| answer.message_response)
        {
            Some(MessageResponse::ListServicesResponse(list)) => list
                .service
                .into_iter()
                .map(|service| service.name)
                .collect(),
            other => anyhow::bail!("no list of services: {other:?}"),
        }
    };
    let missing: Vec<_> = services().difference(&listed).cloned().collect();
    ensure!(
        missing.is_empty(),
        "v1 lists {listed:?}, without {missing:?}"
    );

    // Older tools support only this version.
    use v1alpha::{
        server_reflection_client::ServerReflectionClient,
        server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
    };
    let symbol = "pictures.Pictures.CreateUserPicture";
    let request = v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::FileContainingSymbol(symbol.to_owned())),
    };
    let mut client = ServerReflectionClient::new(channel);
    let mut answers = client
        .server_reflection_info(tokio_stream::iter([request]))
        .await?
        .into_inner();
    let answer = answers
        .message()
        .await?
        .and_then(|answer| answer.message_response);
    let found = matches!(&answer, Some(MessageResponse::FileDescriptorResponse(files))
        if !files.file_descriptor_proto.is_empty());
    ensure!(found, "v1alpha doesn't find {symbol}");
    Ok(())
}

async fn options(run: Scenario) -> Result<()> {
    use v1::{
        server_reflection_client::ServerReflectionClient,
        server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
    };
    let options = "google.protobuf.MethodOptions";
    let questions = [
        MessageRequest::FileContainingSymbol("google.api.http".to_owned()),
        MessageRequest::FileContainingSymbol("trichrome.operation".to_owned()),
        MessageRequest::FileContainingExtension(v1::ExtensionRequest {
            containing_type: options.to_owned(),
            // google.api.http.
            extension_number: 72_295_728,
        }),
        MessageRequest::AllExtensionNumbersOfType(options.to_owned()),
        MessageRequest::FileContainingSymbol("google.api.gopher".to_owned()),
    ];
    let requests = questions.map(|question| v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(question),
    });
    let mut client = ServerReflectionClient::new(run.stack().grpc.channel());
    let mut answers = client
        .server_reflection_info(tokio_stream::iter(requests))
        .await?
        .into_inner();
    let mut next = async || anyhow::Ok(answers.message().await?.and_then(|it| it.message_response));
    for _ in 0..3 {
        let answer = next().await?;
        let found = matches!(&answer, Some(MessageResponse::FileDescriptorResponse(files))
            if !files.file_descriptor_proto.is_empty());
        ensure!(found, "{answer:?}");
    }
    let answer = next().await?;
    let found = matches!(&answer, Some(MessageResponse::AllExtensionNumbersResponse(numbers))
        if numbers.extension_number.contains(&72_295_728));
    ensure!(found, "{answer:?}");
    // An unknown symbol ends its answer, not the stream.
    let answer = next().await?;
    let not_found = matches!(&answer, Some(MessageResponse::ErrorResponse(error))
        if error.error_code == tonic::Code::NotFound as i32);
    ensure!(not_found, "{answer:?}");
    Ok(())
}

async fn compressed(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let mut client = UsersClient::new(run.stack().grpc.channel())
        .send_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Gzip);
    let mut request = tonic::Request::new(GetUserDataRequest {
        user_id: account.id.clone(),
    });
    let authorization = format!("Bearer {}", account.token).parse()?;
    request.metadata_mut().insert(AUTHORIZATION, authorization);
    let response = client.get_user_data(request).await?;
    let accepted = response.metadata().get("grpc-accept-encoding");
    let accepted = accepted
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    ensure!(accepted.contains("gzip"), "the server accepts {accepted:?}");
    ensure!(
        response.get_ref().id == account.id,
        "{:?}",
        response.get_ref()
    );
    Ok(())
}

/// Other content types than protobuf's, and other numbers of messages than one, are refused.
async fn one_message(run: Scenario) -> Result<()> {
    let stack = run.stack();
    let url = format!("{}/users.Users/GetUserData", stack.description.grpc_url);
    let empty: &[u8] = b"\0\0\0\0\0";
    for kind in [
        "application/grpc-web+json",
        "application/grpc+json",
        "application/json",
    ] {
        let headers = [("content-type", kind)];
        let answer = stack.http.send("POST", &url, &headers, empty).await?;
        ensure!(answer.status == 415, "{kind}: {}", answer.status);
    }
    let headers = [("content-type", "application/grpc-web+proto")];
    for body in [Vec::new(), [empty, empty].concat()] {
        let answer = stack.http.send("POST", &url, &headers, body).await?;
        WebAnswer::read(&answer)?.refused(ErrorCode::Unimplemented)?;
    }
    Ok(())
}

async fn health(run: Scenario) -> Result<()> {
    let mut client = HealthClient::new(run.stack().grpc.channel());
    let mut names = services();
    names.insert(String::new());
    for service in names {
        let request = HealthCheckRequest {
            service: service.clone(),
        };
        let status = client.check(request).await?.into_inner().status();
        ensure!(
            status.as_str_name() == "SERVING",
            "{service:?} is {status:?}"
        );
    }
    Ok(())
}

/// The response to a gRPC-Web request.
struct WebAnswer {
    message: Option<Bytes>,
    status: i32,
    error_code: String,
    text: String,
}

impl WebAnswer {
    fn read(answer: &Answer) -> Result<Self> {
        ensure!(answer.status == 200, "{} {}", answer.status, answer.start());
        let kind = answer.header("content-type");
        ensure!(
            kind.starts_with("application/grpc-web"),
            "the content type is {kind:?}"
        );
        let mut message = None;
        let mut trailers = String::new();
        let mut body = answer.body.clone();
        while body.len() >= 5 {
            let flags = body.get_u8();
            let length = body.get_u32() as usize;
            ensure!(body.len() >= length, "a frame is cut off");
            let frame = body.split_to(length);
            if flags & 0x80 == 0 {
                message = Some(frame);
            } else {
                trailers = String::from_utf8_lossy(&frame).into_owned();
            }
        }
        // A response without a message may have its status in the headers.
        let field = |name: &str| {
            let in_trailers = trailers.lines().find_map(|line| {
                let (own, value) = line.split_once(':')?;
                own.trim()
                    .eq_ignore_ascii_case(name)
                    .then(|| value.trim().to_owned())
            });
            in_trailers.unwrap_or_else(|| answer.header(name).to_owned())
        };
        let status = field("grpc-status");
        Ok(Self {
            message,
            status: status
                .parse()
                .with_context(|| format!("grpc-status is {status:?}"))?,
            error_code: field(metadata::ERROR_CODE),
            text: field("grpc-message"),
        })
    }

    fn refused(&self, code: ErrorCode) -> Result<()> {
        let Self {
            status,
            error_code,
            text,
            ..
        } = self;
        ensure!(
            *status == code.grpc() && *error_code == code.as_str() && !text.is_empty(),
            "expected {}, got the status {status}, {error_code:?}: {text:?}",
            code.as_str()
        );
        Ok(())
    }
}

async fn web_call(
    run: &Scenario,
    path: &str,
    more: &[(&str, &str)],
    message: &[u8],
) -> Result<WebAnswer> {
    let stack = run.stack();
    let mut headers = vec![
        ("content-type", "application/grpc-web+proto"),
        ("x-grpc-web", "1"),
    ];
    headers.extend(more);
    let length = u32::try_from(message.len())?.to_be_bytes();
    let body = [&[0][..], &length, message].concat();
    let url = format!("{}{path}", stack.description.grpc_url);
    WebAnswer::read(&stack.http.send("POST", &url, &headers, body).await?).context(url)
}

async fn web(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let login = LoginInput {
        username: account.username.clone(),
        password: account.password.clone(),
    };
    let answer = web_call(&run, "/auth.Auth/Login", &[], &login.encode_to_vec()).await?;
    ensure!(answer.status == 0, "{}: {}", answer.status, answer.text);
    let response = AuthResponse::decode(answer.message.context("no message")?)?;
    ensure!(
        token::subject(&response.access_token)? == account.id,
        "the token is another user's"
    );

    let authorization = format!("Bearer {}", response.access_token);
    let request = GetUserDataRequest {
        user_id: account.id.clone(),
    };
    let headers = [(AUTHORIZATION, authorization.as_str())];
    let answer = web_call(
        &run,
        "/users.Users/GetUserData",
        &headers,
        &request.encode_to_vec(),
    )
    .await?;
    let user = UserMessage::decode(answer.message.context("no message")?)?;
    ensure!(user.username == account.username, "{user:?}");
    Ok(())
}

async fn web_error(run: Scenario) -> Result<()> {
    let request = GetUserDataRequest {
        user_id: Uuid::new_v4().to_string(),
    };
    let answer = web_call(
        &run,
        "/users.Users/GetUserData",
        &[],
        &request.encode_to_vec(),
    )
    .await?;
    answer.refused(ErrorCode::Unauthenticated)
}

async fn deadline(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let login = LoginInput {
        username: account.username.clone(),
        password: account.password.clone(),
    };
    // Hashing the password takes longer than this deadline.
    let begun = Instant::now();
    let headers = [("grpc-timeout", "2m")];
    let answer = web_call(&run, "/auth.Auth/Login", &headers, &login.encode_to_vec()).await?;
    answer.refused(ErrorCode::DeadlineExceeded)?;
    ensure!(
        begun.elapsed().as_secs() < 5,
        "the response took {:?}",
        begun.elapsed()
    );
    let headers = [("grpc-timeout", "20S")];
    let answer = web_call(&run, "/auth.Auth/Login", &headers, &login.encode_to_vec()).await?;
    ensure!(answer.status == 0, "{}: {}", answer.status, answer.text);
    Ok(())
}

async fn unknown_methods(run: Scenario) -> Result<()> {
    for path in [
        "/pictures.Pictures/Paint",
        "/pictures.Paintings/GetUserPicture",
        "/x",
    ] {
        let answer = web_call(&run, path, &[], b"").await?;
        answer.refused(ErrorCode::Unimplemented).context(path)?;
    }
    Ok(())
}

async fn no_message(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let authorization = format!("Bearer {}", account.token);
    let headers = [(AUTHORIZATION, authorization.as_str())];
    let path = "/pictures.Pictures/GetUserPicture";
    for bytes in [
        &b"\xFF\xFF\xFF\xFF"[..],
        b"\x0A\x7Fshort",
        b"\x0A\x02\xC3\x28",
        b"\x12\x01",
    ] {
        let answer = web_call(&run, path, &headers, bytes).await?;
        answer
            .refused(ErrorCode::InvalidArgument)
            .with_context(|| format!("{bytes:?}"))?;
    }
    // Unknown fields are ignored, as protobuf requires.
    let args = json!({"username": account.username});
    run.call("users-get-by-username", args)?
        .by(&account)
        .send()
        .await?
        .ok()?;
    let mut newer = GetUserDataRequest {
        user_id: account.id.clone(),
    }
    .encode_to_vec();
    newer.extend(b"\xF2\x3F\x03new");
    let answer = web_call(&run, "/users.Users/GetUserData", &headers, &newer).await?;
    ensure!(answer.status == 0, "{}: {}", answer.status, answer.text);
    Ok(())
}
