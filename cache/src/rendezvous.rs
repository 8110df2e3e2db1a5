//! Rendezvous hashing (D. Thaler and C. Ravishankar, "A Name-Based Mapping Scheme for Rendezvous",
//! 1996): a key belongs to the node whose hash together with the key is the largest.

use sha2::{Digest as _, Sha256};

/// The position of the node that a key belongs to; `None` without nodes.
pub(crate) fn position<'a>(nodes: impl Iterator<Item = &'a str>, key: &str) -> Option<usize> {
    let weighed = nodes.map(|node| weight(node, key)).enumerate();
    let (position, _) = weighed.max_by_key(|(_, weight)| *weight)?;
    Some(position)
}

fn weight(node: &str, key: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(node);
    // In no address, so that no other pair of node and key reads the same.
    hash.update([0]);
    hash.update(key);
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODES: [&str; 4] = ["a:6379", "b:6379", "c:6379", "d:6379"];

    fn of<'a>(nodes: &[&'a str], key: &str) -> &'a str {
        nodes[position(nodes.iter().copied(), key).unwrap()]
    }

    fn keys() -> impl Iterator<Item = String> {
        (0..4000).map(|n| format!("user-{n}"))
    }

    #[test]
    fn a_node_that_leaves_or_joins_moves_only_its_keys() {
        for gone in NODES {
            let left: Vec<_> = NODES.into_iter().filter(|node| *node != gone).collect();
            for key in keys() {
                let before = of(&NODES, &key);
                let after = of(&left, &key);
                assert!(before == after || before == gone, "{key}: {before} {after}");
            }
        }
    }

    #[test]
    fn the_order_of_nodes_does_not_matter_and_each_has_its_share() {
        let mut reversed = NODES;
        reversed.reverse();
        for node in NODES {
            let own = keys().filter(|key| of(&NODES, key) == node);
            let count = own
                .inspect(|key| assert_eq!(of(&reversed, key), node))
                .count();
            assert!((800..1200).contains(&count), "{node}: {count}");
        }
        assert_eq!(position(std::iter::empty(), "key"), None);
    }
}
