//! The optional cache of a stack: two nodes, so that users are spread over them.

use anyhow::Result;

use crate::{port, tools::CacheServer};

/// The ports of `up`, and the variables that move them.
const DEFAULTS: [(&str, u16); 2] = [
    ("TRICHROME_PORT_CACHE", 6379),
    ("TRICHROME_PORT_CACHE_2", 6380),
];

/// The nodes of a stack.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    pub(crate) server: CacheServer,
    pub(crate) ports: [u16; 2],
}

impl Cache {
    /// Nodes on the ports of `up`.
    ///
    /// # Errors
    ///
    /// There is no server, or a port is taken.
    pub(crate) fn fixed() -> Result<Self> {
        let mut ports = [0; 2];
        for (port, (variable, default)) in ports.iter_mut().zip(DEFAULTS) {
            *port = port::named(variable, default)?;
            if let Some(problem) = port::taken(*port, variable, "a node of the cache") {
                anyhow::bail!(problem);
            }
        }
        Ok(Self {
            server: CacheServer::install()?,
            ports,
        })
    }

    /// Nodes on free ports.
    ///
    /// # Errors
    ///
    /// There is no server.
    pub(crate) fn free() -> Result<Self> {
        Ok(Self {
            server: CacheServer::install()?,
            ports: [port::free()?, port::free()?],
        })
    }

    /// `CACHE_NODES`.
    pub(crate) fn nodes(&self) -> String {
        self.ports
            .map(|port| format!("redis://127.0.0.1:{port}"))
            .join(",")
    }
}
