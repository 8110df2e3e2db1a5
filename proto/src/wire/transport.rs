//! How a call reaches the service.

use std::str::FromStr;

/// The transport that a caller uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// HTTP, through API Gateway.
    Rest,
    /// gRPC, gRPC-Web or Connect, through the gateway.
    Grpc,
    /// A Kafka command, through the gateway.
    Events,
}

impl Transport {
    /// Every transport.
    pub const ALL: [Self; 3] = [Self::Rest, Self::Grpc, Self::Events];

    /// The name in call logs, metrics and the facade's paths.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rest => "rest",
            Self::Grpc => "grpc",
            Self::Events => "events",
        }
    }

    /// The `requestContext.apiId` of the gateway's events. `None` for REST: API Gateway sets
    /// its own id.
    pub const fn api_id(self) -> Option<&'static str> {
        match self {
            Self::Rest => None,
            Self::Grpc => Some("trichrome-gateway:grpc"),
            Self::Events => Some("trichrome-gateway:events"),
        }
    }

    /// Reads `requestContext.apiId`. API Gateway overwrites it, so a caller can't forge it as it
    /// could a header.
    pub fn from_api_id(api_id: Option<&str>) -> Self {
        let gateway = |transport: &Self| transport.api_id().is_some_and(|id| Some(id) == api_id);
        Self::ALL.into_iter().find(gateway).unwrap_or(Self::Rest)
    }
}

impl FromStr for Transport {
    type Err = UnknownTransport;

    fn from_str(text: &str) -> Result<Self, UnknownTransport> {
        Self::ALL
            .into_iter()
            .find(|transport| transport.as_str() == text)
            .ok_or(UnknownTransport)
    }
}

/// A name that isn't a transport's.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("transport must be rest, grpc or events")]
pub struct UnknownTransport;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_three_names_are_parsed() {
        for transport in Transport::ALL {
            assert_eq!(transport.as_str().parse(), Ok(transport));
        }
        for text in ["", "REST", "http", "internal", "rest\0"] {
            assert_eq!(text.parse::<Transport>(), Err(UnknownTransport), "{text:?}");
        }
    }

    #[test]
    fn an_api_id_names_its_transport() {
        for transport in Transport::ALL {
            assert_eq!(Transport::from_api_id(transport.api_id()), transport);
        }
        for foreign in [
            "",
            "a1b2c3d4e5",
            "trichrome-gateway",
            "trichrome-gateway:rest",
        ] {
            let transport = Transport::from_api_id(Some(foreign));
            assert_eq!(transport, Transport::Rest, "{foreign:?}");
        }
    }
}
