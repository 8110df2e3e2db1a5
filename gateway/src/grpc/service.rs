//! Every operation of the contract as a gRPC method, served by one function.

use std::{collections::HashMap, sync::Arc, time::Duration};

use axum::body::Body as RequestBody;
use http::{HeaderMap, Request, Response, StatusCode, header::CONTENT_TYPE};
use prost_reflect::{DynamicMessage, MessageDescriptor};
use tokio::time::{Instant, timeout_at};
use tonic::{Code, Status, body::Body, server::Grpc};
use tower::service_fn;
use tracing::{Instrument as _, Span, field::Empty, info_span};
use trichrome_proto::{
    contract::{OPERATIONS, Operation},
    error::{ApiError, ErrorCode},
    reflect::pool,
};
use trichrome_telemetry as telemetry;
use uuid::Uuid;

use super::{codec, codec::DynamicCodec, deadline, status};
use crate::call::{
    Call, Calls, Failures, answer::Reply, args::Args, context::Context, fault::timed_out, limits,
    transport::Transport,
};

/// Past its deadline a call answers by itself; this much later it is cut off, should it
/// still be reading its request.
const GRACE: Duration = Duration::from_millis(100);

/// The operations, by the path of their gRPC requests. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Operations {
    methods: Arc<HashMap<&'static str, Method>>,
    calls: Calls,
    call_timeout: Duration,
}

/// An operation with its descriptors at hand.
#[derive(Clone)]
pub(crate) struct Method {
    /// The operation.
    pub(crate) operation: &'static Operation,
    /// The request message's type.
    pub(crate) input: MessageDescriptor,
    /// The response message's type.
    pub(crate) output: MessageDescriptor,
}

/// The operation table with its descriptors.
pub(crate) fn methods() -> impl Iterator<Item = Method> {
    OPERATIONS.iter().filter_map(|operation| {
        Some(Method {
            operation,
            input: pool().get_message_by_name(operation.input.name)?,
            output: pool().get_message_by_name(operation.output.name)?,
        })
    })
}

impl Operations {
    /// Serves the contract's operations through `calls`; none may take longer than
    /// `call_timeout`, whatever its caller allows.
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
        if !is_grpc(request.headers()) {
            // What the protocol asks for where a request is not gRPC's.
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return response;
        }
        let method = self.methods.get(request.uri().path()).cloned();
        let span = span(method.as_ref().map(|method| method.operation));
        let context = Context::begin(&span, |name| request.headers().get(name)?.to_str().ok());
        let response = self
            .answer(method, &context, request)
            .instrument(span.clone())
            .await;
        // A success has its status at the end, in the trailers.
        let code =
            Status::from_header_map(response.headers()).map_or(Code::Ok, |status| status.code());
        telemetry::set(&span, "rpc.response.status_code", status::name(code));
        if is_our_fault(code) {
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
                "there is no such method; server reflection lists those there are",
            );
            return status::from_error(&error, context).into_http();
        };
        let begun = Instant::now();
        let asked = deadline::timeout(request.headers()).map(|asked| begun + asked);
        let call_timeout = self.call_timeout;
        let call = move |context| Call {
            operation: method.operation,
            args: Args::default(),
            context,
            transport: Transport::Grpc,
            // Counts from here, once the message is in, unless the caller is in a hurry.
            deadline: earliest(Instant::now() + call_timeout, asked),
            log_id: Uuid::new_v4(),
            failures: Failures::Answer,
        };

        let handler = {
            let (calls, context) = (self.calls.clone(), context.clone());
            let output = method.output.clone();
            service_fn(move |request: tonic::Request<DynamicMessage>| {
                let (calls, output) = (calls.clone(), output.clone());
                let (call, context) = (call(context.clone()), context.clone());
                async move {
                    answer(&calls, call, request.into_inner(), &output)
                        .await
                        .map(|message| with_ids(message, &context))
                        .map_err(|error| status::from_error(&error, &context))
                }
            })
        };
        let mut grpc = Grpc::new(DynamicCodec::new(method.input))
            .max_decoding_message_size(limits::MAX_MESSAGE)
            .max_encoding_message_size(limits::MAX_MESSAGE);
        let cut_off = earliest(begun + limits::UPLOAD_TIMEOUT + call_timeout, asked) + GRACE;
        let refusal = match timeout_at(cut_off, grpc.unary(handler, request)).await {
            // The handler answered, well or not: tonic knows no request ids.
            Ok(response) if response.headers().contains_key(status::REQUEST_ID) => return response,
            Ok(response) => match Status::from_header_map(response.headers()) {
                Some(refused) => status::refusal(&refused),
                None => return response,
            },
            Err(_) => timed_out(),
        };
        self.calls.refused(&call(context.clone()), &refusal);
        status::from_error(&refusal, context).into_http()
    }
}

fn earliest(instant: Instant, other: Option<Instant>) -> Instant {
    other.map_or(instant, |other| instant.min(other))
}

async fn answer(
    calls: &Calls,
    mut call: Call<'static>,
    message: DynamicMessage,
    output: &MessageDescriptor,
) -> Result<DynamicMessage, ApiError> {
    match codec::to_args(message) {
        Ok(fields) => call.args = Args::Fields(fields),
        Err(error) => {
            calls.refused(&call, &error);
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

fn with_ids(message: DynamicMessage, context: &Context) -> tonic::Response<DynamicMessage> {
    let mut response = tonic::Response::new(message);
    status::put_ids(response.metadata_mut().as_mut(), context);
    response
}

/// A request as a span, by the conventions for RPC servers. A method that is not there has
/// no name of its own: callers could make up any number.
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

/// The statuses that the conventions count as a server's errors.
const fn is_our_fault(code: Code) -> bool {
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

fn is_grpc(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}
