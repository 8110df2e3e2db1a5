//! Serves every operation of the contract as a gRPC method, by one function.

use std::{collections::HashMap, sync::Arc, time::Duration};

use axum::body::Body as RequestBody;
use http::{HeaderName, HeaderValue, Request, Response};
use prost::Message as _;
use prost_reflect::{DynamicMessage, MessageDescriptor};
use tokio::time::{Instant, timeout_at};
use tonic::{Code, Status, Streaming, body::Body, codec::CompressionEncoding, server::Grpc};
use tower::service_fn;
use tracing::{Instrument as _, Span, field::Empty, info_span};
use trichrome_proto::{
    contract::{Format, Kind, Message, OPERATIONS, Operation},
    error::{ApiError, ErrorCode},
    reflect::pool,
    wire::{Transport, metadata},
};
use trichrome_telemetry as telemetry;
use uuid::Uuid;

use super::{codec, codec::DynamicCodec, deadline, status};
use crate::{
    call::{
        Call, Calls, Failures,
        answer::Reply,
        args::Args,
        context::{Context, http_header},
        fault::timed_out,
        limits,
    },
    http::{head, server::client_address},
};

/// A call ends at its deadline by itself. If its request is still being read then, it is aborted
/// after this extra time.
const GRACE: Duration = Duration::from_millis(100);

/// The encodings of messages that the server accepts (gRPC over HTTP/2, "Message-Accept-Encoding").
const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const ENCODINGS: HeaderValue = HeaderValue::from_static("identity,gzip");

/// The smallest response that is compressed, in bytes. A smaller one fits into one packet anyway.
const MIN_COMPRESSED: usize = 1024;

/// The operations, by the path of their gRPC requests. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Operations {
    methods: Arc<HashMap<&'static str, Method>>,
    calls: Calls,
    call_timeout: Duration,
}

/// An operation with its messages' descriptors.
#[derive(Clone)]
pub(crate) struct Method {
    pub(crate) operation: &'static Operation,
    pub(crate) input: MessageDescriptor,
    pub(crate) output: MessageDescriptor,
    /// Whether responses are compressed for clients that accept it.
    pub(super) compress: bool,
}

/// All operations with their messages' descriptors.
pub(crate) fn methods() -> impl Iterator<Item = Method> {
    OPERATIONS.iter().filter_map(|operation| {
        Some(Method {
            operation,
            input: pool().get_message_by_name(operation.input.name)?,
            output: pool().get_message_by_name(operation.output.name)?,
            compress: is_compressible(operation.output),
        })
    })
}

impl Operations {
    /// Serves the operations through `calls`. `call_timeout` applies even if the caller's own
    /// timeout is longer.
    pub(crate) fn new(calls: Calls, call_timeout: Duration) -> Self {
        let methods = methods()
            .map(|method| (method.operation.grpc_path, method))
            .collect();
        Self {
            methods: Arc::new(methods),
            calls,
            call_timeout,
        }
    }

    /// Serves one gRPC request.
    pub(crate) async fn serve(self, request: Request<RequestBody>) -> Response<Body> {
        let method = self.methods.get(request.uri().path()).cloned();
        let span = span(method.as_ref().map(|method| method.operation));
        let context = Context::begin(&span, |name| http_header(request.headers(), name))
            .at_client(client_address(request.extensions()));
        let mut response = self
            .answer(method, &context, request)
            .instrument(span.clone())
            .await;
        response
            .headers_mut()
            .insert(GRPC_ACCEPT_ENCODING, ENCODINGS);
        // A success has its status in the trailers.
        let code =
            Status::from_header_map(response.headers()).map_or(Code::Ok, |status| status.code());
        telemetry::set(&span, "rpc.response.status_code", status::name(code));
        if is_server_error(code) {
            telemetry::failed(&span, status::name(code));
        }
        response
    }

    async fn answer(
        &self,
        method: Option<Method>,
        context: &Context,
        request: Request<RequestBody>,
    ) -> Response<Body> {
        let Some(method) = method else {
            let error = ApiError::new(
                ErrorCode::Unimplemented,
                "unknown method; server reflection lists all methods",
            );
            return status::from_error(&error, context).into_http();
        };
        let start = Instant::now();
        let requested = deadline::timeout(request.headers()).map(|timeout| start + timeout);
        let call_timeout = self.call_timeout;
        let call = move |context| Call {
            operation: method.operation,
            args: Args::default(),
            context,
            transport: Transport::Grpc,
            // The timeout starts once the message is received. The caller's may end earlier.
            deadline: earliest(Instant::now() + call_timeout, requested),
            log_id: Uuid::new_v4(),
            failures: Failures::Answer,
        };
        if let Err(error) = head::check(request.uri(), request.headers()) {
            self.calls.refuse(&call(context.clone()), &error).await;
            return status::from_error(&error, context).into_http();
        }

        let handler = {
            let (calls, context) = (self.calls.clone(), context.clone());
            let output = method.output.clone();
            let compress = method.compress;
            service_fn(move |request: tonic::Request<Streaming<DynamicMessage>>| {
                let (calls, output) = (calls.clone(), output.clone());
                let (call, context) = (call(context.clone()), context.clone());
                async move {
                    let message = only_message(request.into_inner()).await?;
                    answer(&calls, call, message, &output)
                        .await
                        .map(|message| response(message, &context, compress))
                        .map_err(|error| status::from_error(&error, &context))
                }
            })
        };
        let mut grpc = Grpc::new(DynamicCodec::new(method.input))
            .max_decoding_message_size(limits::MAX_MESSAGE)
            .max_encoding_message_size(limits::MAX_MESSAGE)
            .accept_compressed(CompressionEncoding::Gzip)
            .send_compressed(CompressionEncoding::Gzip);
        let abort_at = earliest(start + limits::UPLOAD_TIMEOUT + call_timeout, requested) + GRACE;
        let refusal = match timeout_at(abort_at, grpc.client_streaming(handler, request)).await {
            // The handler answered: tonic's own errors have no request id.
            Ok(response) if response.headers().contains_key(metadata::REQUEST_ID) => {
                return response;
            }
            Ok(response) => match response.extensions().get::<Status>() {
                Some(refused) => status::refusal(refused),
                None => return response,
            },
            Err(_) => timed_out(),
        };
        self.calls.refuse(&call(context.clone()), &refusal).await;
        status::from_error(&refusal, context).into_http()
    }
}

fn earliest(instant: Instant, other: Option<Instant>) -> Instant {
    other.map_or(instant, |other| instant.min(other))
}

async fn answer(
    calls: &Calls,
    mut call: Call<'static>,
    mut message: DynamicMessage,
    output: &MessageDescriptor,
) -> Result<DynamicMessage, ApiError> {
    let raw = call.operation.http.raw_body;
    let bytes = raw.and_then(|field| codec::take_bytes(&mut message, field));
    match codec::to_args(message) {
        Ok(fields) => {
            call.args = match bytes {
                Some(bytes) => Args::Raw(fields, bytes),
                None => Args::Fields(fields),
            };
        }
        Err(error) => {
            calls.refuse(&call, &error).await;
            return Err(error);
        }
    }
    let operation = call.operation;
    let reply = calls.call(call).await?;
    read_reply(operation, &reply, output)
}

fn read_reply(
    operation: &Operation,
    reply: &Reply,
    output: &MessageDescriptor,
) -> Result<DynamicMessage, ApiError> {
    if operation.output.is_empty() {
        Ok(DynamicMessage::new(output.clone()))
    } else if operation.http.response_body.is_some() {
        codec::from_json(output, reply.message_value()?)
    } else {
        codec::from_json(
            output,
            &mut serde_json::Deserializer::from_str(reply.body()),
        )
    }
}

/// Reads the message of a call. tonic's unary calls would ignore any others.
async fn only_message(mut messages: Streaming<DynamicMessage>) -> Result<DynamicMessage, Status> {
    // The status for "request cardinality violation" (gRPC, "Status codes and their use in gRPC").
    let violation = || {
        status::without_call(&ApiError::new(
            ErrorCode::Unimplemented,
            "this method takes exactly one message",
        ))
    };
    let message = messages.message().await?.ok_or_else(violation)?;
    match messages.message().await? {
        None => Ok(message),
        Some(_) => Err(violation()),
    }
}

fn response(
    message: DynamicMessage,
    context: &Context,
    compress: bool,
) -> tonic::Response<DynamicMessage> {
    let worthwhile = compress && message.encoded_len() >= MIN_COMPRESSED;
    let mut response = tonic::Response::new(message);
    if !worthwhile {
        response.disable_compression();
    }
    status::put_ids(response.metadata_mut().as_mut(), context);
    response
}

/// Whether a message's fields are worth compressing. Files aren't, in base64 or not: pictures are
/// compressed already, and it would take a hundred milliseconds for a quarter of the size.
fn is_compressible(message: &Message) -> bool {
    message.fields.iter().all(|field| match field.kind {
        Kind::Message(message) => is_compressible(message),
        Kind::Bytes => false,
        _ => field.rules.format != Format::Base64,
    })
}

/// A span for a request, by the semantic conventions for RPC servers. Unknown methods aren't
/// named, because callers can invent any number of them.
fn span(operation: Option<&Operation>) -> Span {
    let method = operation.map_or("_OTHER", Operation::grpc_method);
    info_span!(
        "rpc",
        otel.kind = "server",
        otel.name = method,
        request_id = Empty,
        trace_id = Empty,
        operation = operation.map(|operation| operation.function),
        rpc.system.name = "grpc",
        rpc.method = method,
    )
}

/// Whether the semantic conventions count a status as a server's error.
const fn is_server_error(code: Code) -> bool {
    matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    )
}
