//! What all connections share.

use std::{io, net::SocketAddr, path::Path};

use kafka_protocol::messages::BrokerId;

use crate::{groups::Groups, store::Store};

/// The one node of the cluster.
pub(crate) const NODE: BrokerId = BrokerId(111);

/// The only cluster there is.
pub(crate) const CLUSTER: &str = "trichrome";

/// Kafka's "operations not asked for".
pub(crate) const NO_OPERATIONS: i32 = i32::MIN;

/// The broker's state.
#[derive(Debug)]
pub(crate) struct Broker {
    store: Store,
    groups: Groups,
    address: SocketAddr,
}

impl Broker {
    /// Opens what `directory` holds, or begins there; clients find the broker at `address`.
    pub(crate) fn open(directory: &Path, address: SocketAddr) -> io::Result<Self> {
        Ok(Self {
            store: Store::open(directory)?,
            groups: Groups::default(),
            address,
        })
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) fn groups(&self) -> &Groups {
        &self.groups
    }

    pub(crate) fn host(&self) -> String {
        self.address.ip().to_string()
    }

    pub(crate) fn port(&self) -> i32 {
        self.address.port().into()
    }
}
