//! A client of the gateway's own gRPC port, for the facade's `/grpc`.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use http::uri::PathAndQuery;
use serde_json::Value;
use tokio::time::Instant;
use tonic::{
    Code,
    client::Grpc,
    metadata::{AsciiMetadataKey, AsciiMetadataValue},
    transport::{Channel, Endpoint},
};
use tracing::{Instrument as _, Span, info_span};
use trichrome_proto::{
    contract::Operation,
    error::{ApiError, ErrorCode},
    wire::header::FORWARDED_FOR,
};
use trichrome_telemetry as telemetry;

use super::{
    codec::{self, DynamicCodec},
    service::{self, Method},
    status,
};
use crate::{
    call::{
        context::Context,
        fault::{self, internal, timed_out},
        limits,
    },
    http::facade::Message,
};

/// HTTP/2's flow-control window in bytes: a picture takes a few round trips.
const WINDOW: u32 = 2 * 1024 * 1024;

/// A client for every operation. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Client {
    channel: Channel,
    server: SocketAddr,
    methods: Arc<HashMap<&'static str, Method>>,
}

impl Client {
    /// A client that connects, and reconnects, when it is used.
    ///
    /// # Errors
    ///
    /// The address makes no valid URL, which doesn't happen with a socket's address.
    pub(crate) fn new(server: SocketAddr) -> Result<Self, tonic::transport::Error> {
        let server = reachable(server);
        let channel = Endpoint::from_shared(format!("http://{server}"))?
            .tcp_nodelay(true)
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(2 * WINDOW)
            .connect_lazy();
        let methods = service::methods()
            .map(|method| (method.operation.function, method))
            .collect();
        Ok(Self {
            channel,
            server,
            methods: Arc::new(methods),
        })
    }

    /// Calls an operation and returns the response message as JSON.
    ///
    /// # Errors
    ///
    /// The server's error, or `UNAVAILABLE` if it cannot be reached.
    pub(crate) async fn call(
        &self,
        operation: &Operation,
        message: Message,
        context: &Context,
        deadline: Instant,
    ) -> Result<Value, ApiError> {
        let method = self.methods.get(operation.function).ok_or_else(internal)?;
        let Message { fields, raw } = message;
        let mut message = codec::from_args(&method.input, fields)?;
        if let Some((field, bytes)) = raw {
            message.set_field_by_name(field, prost_reflect::Value::Bytes(bytes));
        }

        let span = self.span(operation);
        let context = context.at(&span);
        let mut request = tonic::Request::new(message);
        let client = context.client.map(|client| client.to_string());
        let client = client.as_deref().map(|client| (FORWARDED_FOR, client));
        for (name, value) in context.headers().chain(client) {
            if let (Ok(name), Ok(value)) = (
                AsciiMetadataKey::from_bytes(name.as_bytes()),
                AsciiMetadataValue::try_from(value),
            ) {
                request.metadata_mut().insert(name, value);
            }
        }
        request.set_timeout(deadline.saturating_duration_since(Instant::now()));

        let mut grpc = Grpc::new(self.channel.clone())
            .max_decoding_message_size(limits::MAX_MESSAGE)
            .max_encoding_message_size(limits::MAX_MESSAGE);
        let path = PathAndQuery::from_static(method.operation.grpc_path);
        let codec = DynamicCodec::new(method.output.clone());
        let result = tokio::time::timeout_at(
            deadline,
            async {
                grpc.ready().await.map_err(|error| {
                    tracing::warn!(%error, "the gRPC port cannot be reached");
                    fault::fault(ErrorCode::Unavailable)
                })?;
                grpc.unary(request, path, codec)
                    .await
                    .map_err(|status| status::to_error(&status))
            }
            .instrument(span.clone()),
        )
        .await;
        let result = match result {
            Ok(Ok(response)) => Ok(response),
            // The channel's own timeout may be first, and reports the call as cancelled.
            Ok(Err(error)) if error.code == ErrorCode::Canceled && Instant::now() >= deadline => {
                Err(timed_out())
            }
            Ok(Err(error)) => Err(error),
            Err(_) => Err(timed_out()),
        };
        let code = match &result {
            Ok(_) => Code::Ok,
            Err(error) => Code::from_i32(error.code.grpc()),
        };
        telemetry::set(&span, "rpc.response.status_code", status::name(code));
        if code != Code::Ok {
            telemetry::failed(&span, status::name(code));
        }
        drop(span);
        codec::to_json(result?.get_ref())
    }

    /// A span for a request, by the semantic conventions for RPC clients.
    fn span(&self, operation: &Operation) -> Span {
        info_span!(
            "rpc",
            otel.kind = "client",
            otel.name = operation.grpc_method(),
            rpc.system.name = "grpc",
            rpc.method = operation.grpc_method(),
            server.address = %self.server.ip(),
            server.port = self.server.port(),
        )
    }
}

/// The loopback address for a server that listens on all addresses.
fn reachable(mut server: SocketAddr) -> SocketAddr {
    if server.ip().is_unspecified() {
        server.set_ip(match server.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    server
}
