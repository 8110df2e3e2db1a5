//! State shared by all connections.

use std::{io, net::SocketAddr, path::Path};

use kafka_protocol::messages::BrokerId;

use crate::{groups::Groups, store::Store};

/// The id of the only node.
pub(crate) const NODE: BrokerId = BrokerId(111);

/// The cluster id.
pub(crate) const CLUSTER: &str = "trichrome";

/// Kafka's value for authorized operations that weren't requested.
pub(crate) const NO_OPERATIONS: i32 = i32::MIN;

/// The broker's state.
#[derive(Debug)]
pub(crate) struct Broker {
    store: Store,
    groups: Groups,
    address: SocketAddr,
}

impl Broker {
    /// Opens or creates the data in `directory`; clients reach the broker at `address`.
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
