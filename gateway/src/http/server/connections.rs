//! A cap on the open connections of a port, in all and by address.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
};

use crate::ops::metrics::{Metrics, Port, Refused};

/// The caps of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Caps {
    /// Open connections in all.
    pub(crate) total: usize,
    /// Open connections of one address.
    pub(crate) per_address: usize,
}

/// The open connections of a port.
pub(crate) struct Connections {
    port: Port,
    caps: Caps,
    open: Mutex<Open>,
    metrics: Arc<Metrics>,
}

#[derive(Default)]
struct Open {
    total: usize,
    by_source: HashMap<IpAddr, usize>,
}

impl Connections {
    pub(crate) fn new(port: Port, caps: Caps, metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self {
            port,
            caps,
            open: Mutex::default(),
            metrics,
        })
    }

    /// Counts a connection from `address`, until the permit is dropped. `None` if a cap is
    /// reached.
    pub(super) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Permit> {
        let source = source(address);
        match self.enter(source) {
            Ok(()) => {
                self.metrics.connection_opened(self.port);
                Some(Permit {
                    connections: Arc::clone(self),
                    source,
                })
            }
            Err(refused) => {
                self.metrics.connection_refused(self.port, refused);
                None
            }
        }
    }

    fn enter(&self, source: IpAddr) -> Result<(), Refused> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.total >= self.caps.total {
            return Err(Refused::Total);
        }
        let of_source = open.by_source.entry(source).or_default();
        if *of_source >= self.caps.per_address {
            return Err(Refused::Address);
        }
        *of_source += 1;
        open.total += 1;
        Ok(())
    }

    fn leave(&self, source: IpAddr) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.total = open.total.saturating_sub(1);
        if let Some(of_source) = open.by_source.get_mut(&source) {
            *of_source = of_source.saturating_sub(1);
            if *of_source == 0 {
                open.by_source.remove(&source);
            }
        }
    }
}

/// A counted connection.
pub(super) struct Permit {
    connections: Arc<Connections>,
    source: IpAddr,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.connections.leave(self.source);
        self.connections
            .metrics
            .connection_closed(self.connections.port);
    }
}

/// What counts as one address: an IPv4 address, or the network of an IPv6 address. One customer
/// gets a /64 at least (RFC 6177).
fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connections(total: usize, per_address: usize) -> (Arc<Connections>, Arc<Metrics>) {
        let metrics = Arc::new(Metrics::new());
        let caps = Caps { total, per_address };
        let connections = Connections::new(Port::Http, caps, Arc::clone(&metrics));
        (connections, metrics)
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_at_its_cap_leaves_room_for_others() {
        let (connections, metrics) = connections(3, 2);
        let first = connections.admit(ip("192.0.2.1")).unwrap();
        let _second = connections.admit(ip("192.0.2.1")).unwrap();
        assert!(connections.admit(ip("192.0.2.1")).is_none());
        let _other = connections.admit(ip("192.0.2.2")).unwrap();
        assert!(connections.admit(ip("192.0.2.3")).is_none());
        drop(first);
        let _again = connections.admit(ip("192.0.2.1")).unwrap();

        let text = metrics.to_openmetrics();
        for line in [
            "trichrome_gateway_connections{port=\"http\"} 3\n",
            "trichrome_gateway_connections_refused_total{port=\"http\",reason=\"address\"} 1\n",
            "trichrome_gateway_connections_refused_total{port=\"http\",reason=\"total\"} 1\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
    }

    #[test]
    fn closed_connections_leave_nothing_behind() {
        let (connections, _) = connections(3, 2);
        drop(connections.admit(ip("192.0.2.1")).unwrap());
        let open = connections.open.lock().unwrap();
        assert_eq!((open.total, open.by_source.len()), (0, 0));
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        assert_eq!(source(ip("2001:db8:1:2:3::4")), ip("2001:db8:1:2::"));
        assert_eq!(source(ip("::ffff:192.0.2.1")), ip("192.0.2.1"));
    }
}
