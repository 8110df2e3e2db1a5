//! Which address a call comes from.

use std::{net::IpAddr, str::FromStr};

use ipnet::IpNet;

/// Proxies whose `x-forwarded-for` is believed. Anyone can send that header.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// What they are parsed from, for error messages.
    pub const EXPECTED: &str = "addresses or networks such as 10.0.0.0/8, comma separated";

    /// Trusts these addresses as well.
    #[must_use]
    pub fn and(mut self, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        self.0.extend(addresses.into_iter().map(IpNet::from));
        self
    }

    /// The caller of a request: the peer, or if that is a trusted proxy, the last address in
    /// `forwarded` that isn't. Each proxy adds its own peer at the end.
    #[must_use]
    pub fn caller<'a>(
        &self,
        peer: IpAddr,
        forwarded: impl DoubleEndedIterator<Item = &'a str>,
    ) -> IpAddr {
        let mut caller = peer.to_canonical();
        let hops = forwarded.flat_map(|value| value.split(',')).rev();
        for hop in hops {
            if !self.contains(caller) {
                break;
            }
            match hop.trim().parse::<IpAddr>() {
                Ok(address) => caller = address.to_canonical(),
                Err(_) => break,
            }
        }
        caller
    }

    fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

impl FromStr for TrustedProxies {
    type Err = ipnet::AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let networks = text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(|part| match part.parse::<IpAddr>() {
                Ok(address) => Ok(IpNet::from(address)),
                Err(_) => part.parse(),
            });
        networks.collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trusted_proxies_are_believed() {
        let proxies: TrustedProxies = "10.0.0.0/8, 2001:db8::1".parse().unwrap();
        for (peer, forwarded, caller) in [
            ("192.0.2.1", &["203.0.113.7"][..], "192.0.2.1"),
            ("10.1.2.3", &["203.0.113.7"], "203.0.113.7"),
            ("::ffff:10.1.2.3", &["203.0.113.7"], "203.0.113.7"),
            ("2001:db8::1", &["203.0.113.7"], "203.0.113.7"),
            // The caller's own header comes first and is ignored.
            (
                "10.1.2.3",
                &["6.6.6.6, 203.0.113.7, 10.9.9.9"],
                "203.0.113.7",
            ),
            (
                "10.1.2.3",
                &["6.6.6.6", "203.0.113.7", "10.9.9.9"],
                "203.0.113.7",
            ),
            ("10.1.2.3", &[], "10.1.2.3"),
            ("10.1.2.3", &["unknown"], "10.1.2.3"),
            ("10.1.2.3", &["203.0.113.7, unknown"], "10.1.2.3"),
            ("10.1.2.3", &["10.0.0.1"], "10.0.0.1"),
        ] {
            let found = proxies.caller(peer.parse().unwrap(), forwarded.iter().copied());
            assert_eq!(
                found,
                caller.parse::<IpAddr>().unwrap(),
                "{peer} {forwarded:?}"
            );
        }
    }

    #[test]
    fn an_invalid_list_is_refused() {
        for text in ["10.0.0.0/33", "proxy.internal", "10.0.0.1;10.0.0.2"] {
            assert!(text.parse::<TrustedProxies>().is_err(), "{text}");
        }
        assert!("".parse::<TrustedProxies>().unwrap().0.is_empty());
    }
}
