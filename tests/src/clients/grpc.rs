//! A gRPC client that calls any operation through the contract's descriptors.

use anyhow::{Context as _, Result, bail, ensure};
use http::uri::PathAndQuery;
use prost_reflect::{DynamicMessage, MessageDescriptor, SerializeOptions};
use serde_json::Value;
use tonic::{
    Request, Status,
    metadata::{MetadataKey, MetadataMap},
    transport::{Channel, Endpoint},
};
use trichrome_proto::{
    error::{ErrorCode, ErrorDetail},
    reflect::pool,
    wire::{header::RETRY_AFTER, metadata as names},
};

use super::codec::DynamicCodec;
use crate::{reply::Reply, request::Outgoing};

/// The largest message in bytes. It allows pictures over the limit.
const MESSAGE_LIMIT: usize = 16 * 1024 * 1024;

pub struct Grpc {
    channel: Channel,
}

impl Grpc {
    /// Creates a client that connects on first use and reconnects after failures.
    pub(crate) fn new(url: &str) -> Result<Self> {
        let endpoint = Endpoint::from_shared(url.to_owned()).context("grpc_url isn't a URL")?;
        Ok(Self {
            channel: endpoint.connect_lazy(),
        })
    }

    /// The channel, for generated clients.
    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    pub(crate) async fn call(&self, call: Outgoing) -> Result<Reply> {
        let operation = call.operation;
        let headers = call.headers();
        let (input, output) = (
            message(operation.input.name)?,
            message(operation.output.name)?,
        );
        let mut request = Request::new(
            DynamicMessage::deserialize(input, Value::Object(call.args))
                .context("the test's arguments don't fit the message")?,
        );
        for (name, value) in &headers {
            request
                .metadata_mut()
                .append(MetadataKey::from_static(name), value.parse()?);
        }
        let mut grpc = tonic::client::Grpc::new(self.channel())
            .max_encoding_message_size(MESSAGE_LIMIT)
            .max_decoding_message_size(MESSAGE_LIMIT);
        let path = PathAndQuery::from_static(operation.grpc_path);
        if let Err(error) = grpc.ready().await {
            bail!("no connection: {error:?}");
        }
        match grpc.unary(request, path, DynamicCodec(output)).await {
            Ok(response) => {
                let request_id = request_id(response.metadata());
                let message = to_json(response.get_ref())?;
                Reply::success(operation, operation.http.success, message, request_id)
            }
            Err(status) => refused(&status),
        }
    }
}

fn message(name: &str) -> Result<MessageDescriptor> {
    pool()
        .get_message_by_name(name)
        .with_context(|| format!("no message {name}"))
}

/// Converts a message to JSON like the functions do: all fields, with their proto names.
fn to_json(message: &DynamicMessage) -> Result<Value> {
    let options = SerializeOptions::new()
        .use_proto_field_name(true)
        .skip_default_fields(false);
    Ok(message.serialize_with_options(serde_json::value::Serializer, &options)?)
}

/// Converts an error status from the service. A status without an error code comes from elsewhere,
/// for example from a lost connection.
fn refused(status: &Status) -> Result<Reply> {
    let metadata = status.metadata();
    let Some(code) = metadata.get(names::ERROR_CODE) else {
        bail!("a status without an error-code: {status:?}");
    };
    let code = ErrorCode::from_text(code.to_str()?)
        .with_context(|| format!("the contract has no error code {code:?}"))?;
    ensure!(
        code.grpc() == status.code() as i32,
        "{} with the gRPC status {:?}",
        code.as_str(),
        status.code()
    );
    let request_id = request_id(metadata);
    let error = ErrorDetail {
        code: code.as_str().to_owned(),
        message: status.message().to_owned(),
        request_id: request_id.clone(),
        trace_id: text(metadata, names::TRACE_ID),
    };
    let wait = text(metadata, RETRY_AFTER);
    Ok(Reply::failed(code.http(), error, request_id)?.retry_after(Some(&wait)))
}

fn request_id(metadata: &MetadataMap) -> String {
    text(metadata, names::REQUEST_ID)
}

fn text(metadata: &MetadataMap, name: &str) -> String {
    let value = metadata.get(name);
    let text = value.and_then(|value| value.to_str().ok());
    text.unwrap_or_default().to_owned()
}
