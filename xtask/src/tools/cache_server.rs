//! The server of the optional cache: the machine's own Valkey or Redis, or Debian's package unpacked
//! under `.local/`.

use std::{path::PathBuf, process::Command};

use anyhow::{Context as _, Result};

use super::{
    debian::{on_path, unpack},
    directory, lock,
};

/// Libraries of the server that a system may lack.
const LIBRARIES: [&str; 6] = [
    "libjemalloc2",
    "liblua5.1-0",
    "liblzf1",
    "libatomic1",
    "lua-bitop",
    "lua-cjson",
];

/// The servers, and the packages that have them: Debian has Valkey since its version 13.
const SERVERS: [(&str, [&str; 2]); 2] = [
    ("valkey-server", ["valkey-server", "valkey-tools"]),
    ("redis-server", ["redis-server", "redis-tools"]),
];

/// A server that can be started.
#[derive(Clone, Debug)]
pub(crate) struct CacheServer {
    program: PathBuf,
    /// Where its libraries are, if it was unpacked.
    libraries: Option<PathBuf>,
}

impl CacheServer {
    /// The machine's server, or a package that is downloaded if it is missing.
    ///
    /// # Errors
    ///
    /// There is no package, or the download fails; the error says how else to get it.
    pub(crate) fn install() -> Result<Self> {
        let _lock = lock("cache")?;
        for (program, _) in SERVERS {
            if let Some(program) = on_path(program) {
                return Ok(Self {
                    program,
                    libraries: None,
                });
            }
        }
        let folder = directory().join("cache");
        let unpacked = || {
            let paths = SERVERS.map(|(program, _)| folder.join("usr/bin").join(program));
            let program = paths.into_iter().find(|program| program.is_file())?;
            let triple = format!("{}-linux-gnu", std::env::consts::ARCH);
            Some(Self {
                program,
                libraries: Some(folder.join("usr/lib").join(triple)),
            })
        };
        if let Some(server) = unpacked() {
            return Ok(server);
        }
        for (program, packages) in SERVERS {
            let known = Command::new("apt-cache").args(["show", program]).output();
            if known.is_ok_and(|output| output.status.success()) {
                unpack(&folder, &[&packages[..], &LIBRARIES].concat())?;
            }
            if let Some(server) = unpacked() {
                return Ok(server);
            }
        }
        None.context(
            "there is no valkey-server or redis-server: install Valkey, or Redis 7, so that it is on the \
             PATH",
        )
    }

    /// A server on loopback that keeps nothing on disk, like a cache on AWS.
    pub(crate) fn command(&self, port: u16) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
            .args(["--save", "", "--appendonly", "no"])
            .args(["--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru"]);
        if let Some(libraries) = &self.libraries {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        command
    }
}
