//! The list of nodes.

use std::{collections::BTreeSet, fmt, str::FromStr};

use url::Url;

use crate::{node::Node, rendezvous};

/// The nodes of a cache, at least one.
pub struct Nodes(Vec<Node>);

/// A list of nodes that can't be read. It says nothing of the list, which may have passwords.
#[derive(Debug, thiserror::Error)]
#[error("the list of the cache's nodes is invalid")]
pub struct InvalidNodes;

impl Nodes {
    /// What a list has, for messages.
    pub const EXPECTED: &'static str =
        "redis://[user:password@]host:port or rediss:// with TLS, comma separated, each host once";

    /// The node that a key belongs to.
    #[must_use]
    pub fn of(&self, key: &str) -> &Node {
        let names = self.0.iter().map(Node::name);
        // There is one.
        &self.0[rendezvous::position(names, key).unwrap_or_default()]
    }

    /// All nodes.
    pub fn iter(&self) -> impl Iterator<Item = &Node> {
        self.0.iter()
    }
}

/// Opens no connection.
impl FromStr for Nodes {
    type Err = InvalidNodes;

    fn from_str(list: &str) -> Result<Self, InvalidNodes> {
        let nodes = list.split(',').map(|address| node(address.trim()));
        let nodes: Vec<_> = nodes.collect::<Option<_>>().ok_or(InvalidNodes)?;
        let names: BTreeSet<_> = nodes.iter().map(Node::name).collect();
        if nodes.is_empty() || names.len() != nodes.len() {
            return Err(InvalidNodes);
        }
        Ok(Self(nodes))
    }
}

impl fmt::Debug for Nodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(Node::name))
            .finish()
    }
}

fn node(address: &str) -> Option<Node> {
    let url = Url::parse(address).ok()?;
    let known = matches!(url.scheme(), "redis" | "rediss");
    // A database of its own isn't supported, and an option of the client may turn off TLS' checks.
    let plain = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
    if !known || !plain {
        return None;
    }
    let name = format!("{}:{}", url.host_str()?, url.port()?);
    Node::new(name, url.as_str()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_addresses_with_ports() {
        let nodes: Nodes = "redis://a:6379, rediss://user:secret@b:6380,redis://[::1]:1"
            .parse()
            .unwrap();
        let names: Vec<_> = nodes.iter().map(Node::name).collect();
        assert_eq!(names, ["a:6379", "b:6380", "[::1]:1"]);
        assert!(!format!("{nodes:?}").contains("secret"));
        assert!(names.contains(&nodes.of("key").name()));
    }

    #[test]
    fn invalid_lists_are_refused() {
        for list in [
            "",
            "a:6379",
            "redis://a",
            "http://a:6379",
            "redis://a:6379/1",
            "rediss://a:6379/#insecure",
            "redis://a:6379?protocol=resp3",
            "redis://a:6379,",
            "redis://a:6379,rediss://a:6379",
        ] {
            assert!(list.parse::<Nodes>().is_err(), "{list}");
        }
    }
}
