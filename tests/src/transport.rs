//! The ways a call can reach its function.

use std::fmt;

use anyhow::Result;
use trichrome_proto::wire;

use crate::{
    clients::{kafka, rest},
    reply::Reply,
    request::Outgoing,
    stack::Stack,
};

/// A way from a client to a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// The REST API, as API Gateway serves it.
    Rest,
    /// The gateway's facade, on to the REST API.
    FacadeRest,
    /// The gateway's facade, on to gRPC.
    FacadeGrpc,
    /// The gateway's facade, on to Kafka.
    FacadeEvents,
    /// gRPC, by a client of its own.
    Grpc,
    /// Kafka, by a client of its own: the command in its envelope.
    Kafka,
}

impl Transport {
    /// Every way.
    pub const ALL: [Self; 6] = [
        Self::Rest,
        Self::FacadeRest,
        Self::FacadeGrpc,
        Self::FacadeEvents,
        Self::Grpc,
        Self::Kafka,
    ];

    /// The name in tests' names.
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

    /// Whether a client may send JSON as it likes, and so name fields that do not exist or
    /// give them values of another type. A gRPC client has the message's type to fill in.
    pub const fn is_json(self) -> bool {
        !matches!(self, Self::Grpc)
    }

    /// Whether a request's path is a path: there is no asking for a picture of no id.
    pub const fn has_paths(self) -> bool {
        matches!(self, Self::Rest) || self.facade().is_some()
    }

    /// Where its HTTP requests go; `None` where it has none.
    pub fn base_url(self, stack: &Stack) -> Option<String> {
        let description = &stack.description;
        match (self, self.facade()) {
            (Self::Rest, _) => Some(description.rest_url.clone()),
            (_, Some(name)) => Some(format!("{}/{name}", description.gateway_url)),
            (_, None) => None,
        }
    }

    /// Carries a call there and back.
    ///
    /// # Errors
    ///
    /// It got no answer, or one that is not of the contract's shape. An error that the
    /// service answers is an answer.
    pub(crate) async fn carry(self, stack: &Stack, call: Outgoing) -> Result<Reply> {
        match (self, self.base_url(stack)) {
            (_, Some(base)) => rest::call(&stack.http, &base, call).await,
            (Self::Kafka, None) => kafka::call(&stack.kafka, call).await,
            (_, None) => stack.grpc.call(call).await,
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
