//! One port of this machine, on loopback.

use std::{
    collections::BTreeSet,
    env,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};

/// The port that people know, or the one that `variable` names.
///
/// # Errors
///
/// It is no port.
pub(crate) fn named(variable: &str, default: u16) -> Result<u16> {
    match env::var(variable) {
        Ok(text) => text
            .parse()
            .with_context(|| format!("{variable}={text} is no port")),
        Err(_) => Ok(default),
    }
}

/// What to do about a port that is taken; `None` where it is free.
pub(crate) fn taken(port: u16, variable: &str, what: &str) -> Option<String> {
    bind(port).err().map(|_| {
        format!(
            "port {port} ({what}) is taken: stop what listens there, or set {variable} to another"
        )
    })
}

/// A port that only some stacks have: [`named`], and free.
///
/// # Errors
///
/// It is taken, or no port.
pub(crate) fn optional(variable: &str, default: u16, what: &str) -> Result<u16> {
    let port = named(variable, default)?;
    if let Some(taken) = taken(port, variable, what) {
        bail!(taken);
    }
    Ok(port)
}

/// What [`free`] has answered.
static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// A port that was free a moment ago, and another one each time: whoever gets it listens there
/// only later, and until then the system would give it out again.
pub(crate) fn free() -> Result<u16> {
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let port = bind(0)?.local_addr()?.port();
        if given.insert(port) {
            return Ok(port);
        }
    }
}

/// Takes a port; any that is free where it is 0.
pub(crate) fn bind(port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}

/// Whether something accepts connections there.
pub(crate) fn accepts(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpStream::connect_timeout(&address, Duration::from_millis(500)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_given_twice() {
        let ports: BTreeSet<_> = (0..100).map(|_| free().unwrap()).collect();
        assert_eq!(ports.len(), 100);
    }
}
