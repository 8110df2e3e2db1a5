//! The transports over which a call can reach its function.

use std::fmt;

use anyhow::Result;
use trichrome_proto::wire;

use crate::{
    clients::{kafka, rest},
    reply::Reply,
    request::Outgoing,
    stack::Stack,
};

/// A client and its path to a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// The REST API, as API Gateway serves it.
    Rest,
    /// The gateway's facade, forwarding to the REST API.
    FacadeRest,
    /// The gateway's facade, forwarding to gRPC.
    FacadeGrpc,
    /// The gateway's facade, forwarding to Kafka.
    FacadeEvents,
    /// A gRPC client.
    Grpc,
    /// A Kafka client that sends commands in envelopes.
    Kafka,
}

impl Transport {
    pub const ALL: [Self; 6] = [
        Self::Rest,
        Self::FacadeRest,
        Self::FacadeGrpc,
        Self::FacadeEvents,
        Self::Grpc,
        Self::Kafka,
    ];

    /// The name used in test names.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rest => "rest",
            Self::FacadeRest => "facade_rest",
            Self::FacadeGrpc => "facade_grpc",
            Self::FacadeEvents => "facade_events",
            Self::Grpc => "grpc",
            Self::Kafka => "kafka",
        }
    }

    /// The transport that the service sees, and logs.
    pub const fn wire(self) -> wire::Transport {
        match self {
            Self::Rest | Self::FacadeRest => wire::Transport::Rest,
            Self::FacadeGrpc | Self::Grpc => wire::Transport::Grpc,
            Self::FacadeEvents | Self::Kafka => wire::Transport::Events,
        }
    }

    /// The name in call logs.
    pub const fn logged_as(self) -> &'static str {
        self.wire().as_str()
    }

    /// The name in the facade's paths; `None` for a client that doesn't use the facade.
    pub const fn facade(self) -> Option<&'static str> {
        match self {
            Self::FacadeRest | Self::FacadeGrpc | Self::FacadeEvents => Some(self.wire().as_str()),
            Self::Rest | Self::Grpc | Self::Kafka => None,
        }
    }

    /// Whether requests are JSON, in which a client can send unknown fields and values of another
    /// type. gRPC messages are typed.
    pub const fn is_json(self) -> bool {
        !matches!(self, Self::Grpc)
    }

    /// Whether parameters are in a URL path, where they can't be omitted.
    pub const fn has_paths(self) -> bool {
        matches!(self, Self::Rest) || self.facade().is_some()
    }

    /// The base URL of HTTP requests; `None` for other clients.
    pub fn base_url(self, stack: &Stack) -> Option<String> {
        let description = &stack.description;
        match (self, self.facade()) {
            (Self::Rest, _) => Some(description.rest_url.clone()),
            (_, Some(name)) => Some(format!("{}/{name}", description.gateway_url)),
            (_, None) => None,
        }
    }

    /// Sends a call and returns the reply, which may be an error of the service.
    ///
    /// # Errors
    ///
    /// If there is no reply, or if it doesn't conform to the contract.
    pub(crate) async fn carry(self, stack: &Stack, call: Outgoing) -> Result<Reply> {
        let two_versions = stack.description.two_versions;
        match (self, self.base_url(stack)) {
            (_, Some(base)) => rest::call(&stack.http, &base, call, two_versions).await,
            (Self::Kafka, None) => kafka::call(&stack.kafka, call, two_versions).await,
            (_, None) => stack.grpc.call(call).await,
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
