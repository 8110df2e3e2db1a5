//! How a call came to the gateway.

/// How a call came. (REST goes through API Gateway, not through here.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Transport {
    /// A gRPC or gRPC-Web request.
    Grpc,
    /// A Kafka record.
    Events,
}

impl Transport {
    /// The name in call logs and metrics.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::Events => "events",
        }
    }

    /// The API's id in a function's event: tells the function how the call came. A caller
    /// cannot set it.
    pub(crate) const fn api_id(self) -> &'static str {
        match self {
            Self::Grpc => "trichrome-gateway:grpc",
            Self::Events => "trichrome-gateway:events",
        }
    }
}
