//! What is kept of a caller's address.

use std::net::{IpAddr, Ipv6Addr};

use sha2::{Digest as _, Sha256};

/// Where a call comes from, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A block of addresses: an IPv4 /24, or an IPv6 /56, which is what a provider gives to one
    /// customer (RFC 6177).
    Block(Ipv6Addr),
    /// Over Kafka.
    Unknown,
}

impl Origin {
    pub(crate) fn of(address: Option<IpAddr>) -> Self {
        // Dual-stack sockets show IPv4 addresses as IPv6.
        match address.map(|address| address.to_canonical()) {
            None => Self::Unknown,
            Some(IpAddr::V4(address)) => {
                let [a, b, c, _] = address.octets();
                Self::Block(std::net::Ipv4Addr::new(a, b, c, 0).to_ipv6_mapped())
            }
            Some(IpAddr::V6(address)) => {
                Self::Block(Ipv6Addr::from_bits(address.to_bits() >> 72 << 72))
            }
        }
    }
}

/// The start of the SHA-256 of these parts, 128 bits in hexadecimal. No address is stored, and a
/// username of any length makes a short key.
pub(crate) fn digest(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    hash.finalize()
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(address: &str) -> Origin {
        Origin::of(Some(address.parse().unwrap()))
    }

    #[test]
    fn a_block_is_what_one_customer_has() {
        for (one, other, same) in [
            ("192.0.2.1", "192.0.2.255", true),
            ("192.0.2.1", "192.0.3.1", false),
            ("192.0.2.1", "::ffff:192.0.2.9", true),
            ("2001:db8:1:2000::1", "2001:db8:1:20ff:ffff::", true),
            ("2001:db8:1:2000::1", "2001:db8:1:2100::1", false),
        ] {
            assert_eq!(origin(one) == origin(other), same, "{one} {other}");
        }
        assert_eq!(Origin::of(None), Origin::Unknown);
    }

    #[test]
    fn a_digest_depends_on_where_its_parts_end() {
        assert_eq!(digest(&[b"ab", b"c"]).len(), 32);
        assert_ne!(digest(&[b"ab", b"c"]), digest(&[b"a", b"bc"]));
        assert_eq!(digest(&[b"ab", b"c"]), digest(&[b"ab", b"c"]));
    }
}
