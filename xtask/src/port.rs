//! Ports on loopback.

use std::{
    collections::BTreeSet,
    env,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    ops::Range,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};

use crate::random;

/// The default port, or the one that `variable` sets.
///
/// # Errors
///
/// The variable's value isn't a port.
pub(crate) fn named(variable: &str, default: u16) -> Result<u16> {
    match env::var(variable) {
        Ok(text) => text
            .parse()
            .with_context(|| format!("{variable}={text} is not a port")),
        Err(_) => Ok(default),
    }
}

/// The error for a port that is in use; `None` if it is free.
pub(crate) fn taken(port: u16, variable: &str, what: &str) -> Option<String> {
    bind(port).err().map(|_| {
        format!("port {port} ({what}) is in use: stop what listens there, or set {variable}")
    })
}

/// What to do about listeners that were given the same port; each has the variable that moves it.
pub(crate) fn shared(ports: &[(&str, u16)]) -> Vec<String> {
    let mut problems = Vec::new();
    for (index, (variable, port)) in ports.iter().enumerate() {
        for (other, _) in ports[..index].iter().filter(|(_, used)| used == port) {
            problems.push(format!(
                "port {port} is given twice: set {other} or {variable} to another"
            ));
        }
    }
    problems
}

/// [`named`], for a port that only some stacks use.
///
/// # Errors
///
/// The port is invalid or in use.
pub(crate) fn optional(variable: &str, default: u16, what: &str) -> Result<u16> {
    let port = named(variable, default)?;
    if let Some(taken) = taken(port, variable, what) {
        bail!(taken);
    }
    Ok(port)
}

/// The ports that [`free`] returns: below those that Linux (32768) and macOS (49152) use for outgoing
/// connections, of which tests make thousands, and without the defaults of `up`.
const FREE: Range<u16> = 20_000..29_000;

/// Ports that [`free`] has returned.
static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// A port that is free now, a different one each time. The caller listens on it later; until then
/// another process could take it.
pub(crate) fn free() -> Result<u16> {
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    // Another process most likely starts elsewhere.
    let start = u16::from_be_bytes(random::bytes()?) % (FREE.end - FREE.start);
    let ports = FREE.cycle().skip(start.into()).take(FREE.len());
    let port = ports
        .filter(|port| !given.contains(port))
        .find(|port| bind(*port).is_ok())
        .context("no port is free")?;
    given.insert(port);
    Ok(port)
}

/// Binds a port; 0 picks one of those for outgoing connections.
pub(crate) fn bind(port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}

/// Whether something listens on the port.
pub(crate) fn accepts(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpStream::connect_timeout(&address, Duration::from_millis(500)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shared_port_is_reported_with_its_variables() {
        assert!(shared(&[("A", 1), ("B", 2)]).is_empty());
        assert_eq!(
            shared(&[("A", 1), ("B", 2), ("C", 1)]),
            ["port 1 is given twice: set A or C to another"]
        );
    }

    #[test]
    fn no_port_is_given_twice() {
        let ports: BTreeSet<_> = (0..100).map(|_| free().unwrap()).collect();
        assert_eq!(ports.len(), 100);
    }
}
