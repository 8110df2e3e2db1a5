//! Metrics of the ports' connections.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use super::{Metrics, register};

/// A port of the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Port {
    /// The facade and the web app.
    Http,
    /// gRPC and gRPC-Web.
    Grpc,
    /// The operator's pages.
    Admin,
}

impl Port {
    pub(super) const ALL: [Self; 3] = [Self::Http, Self::Grpc, Self::Admin];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Grpc => "grpc",
            Self::Admin => "admin",
        }
    }
}

/// Why a connection was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The port has as many connections as it may have.
    Total,
    /// The client's address has as many connections as it may have.
    Address,
}

impl Refused {
    pub(super) const ALL: [Self; 2] = [Self::Total, Self::Address];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Total => "total",
            Self::Address => "address",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PortLabels {
    port: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusedLabels {
    port: &'static str,
    reason: &'static str,
}

pub(super) struct ConnectionMetrics {
    open: Family<PortLabels, Gauge>,
    refused: Family<RefusedLabels, Counter>,
}

impl ConnectionMetrics {
    /// Registers the metrics, counters at zero.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            open: register(
                registry,
                "connections",
                "Open connections",
                Family::default(),
            ),
            refused: register(
                registry,
                "connections_refused",
                "Connections closed at once, because of a cap",
                Family::default(),
            ),
        };
        for port in Port::ALL {
            drop(metrics.open.get_or_create(&port.into()));
            for reason in Refused::ALL {
                drop(metrics.refused.get_or_create(&(port, reason).into()));
            }
        }
        metrics
    }
}

impl From<Port> for PortLabels {
    fn from(port: Port) -> Self {
        let port = port.as_str();
        Self { port }
    }
}

impl From<(Port, Refused)> for RefusedLabels {
    fn from((port, reason): (Port, Refused)) -> Self {
        Self {
            port: port.as_str(),
            reason: reason.as_str(),
        }
    }
}

impl Metrics {
    /// Counts an accepted connection.
    pub(crate) fn connection_opened(&self, port: Port) {
        self.connections.open.get_or_create(&port.into()).inc();
    }

    /// Ends an accepted connection.
    pub(crate) fn connection_closed(&self, port: Port) {
        self.connections.open.get_or_create(&port.into()).dec();
    }

    /// Counts a refused connection.
    pub(crate) fn connection_refused(&self, port: Port, reason: Refused) {
        let labels = (port, reason).into();
        self.connections.refused.get_or_create(&labels).inc();
    }
}
