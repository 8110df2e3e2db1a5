//! How many replicas a Deployment has while something happens to it.

use std::fs;

use anyhow::{Context as _, Result};

use super::{
    PATIENCE,
    release::{Release, name},
};
use crate::verify::server::Server;

/// Each change, as kubectl prints them.
const FORMAT: &str = r#"--output=jsonpath={.status.availableReplicas} {.status.replicas}{"\n"}"#;

pub(super) struct Watch {
    server: Server,
}

/// What was seen.
#[derive(Debug, PartialEq)]
pub(super) struct Seen {
    /// The fewest that were available at a time.
    pub(super) fewest: u64,
    /// The most that there were at a time, available or not.
    pub(super) most: u64,
}

impl Watch {
    /// Starts watching; returns once the present state has been seen.
    pub(super) fn begin(release: &Release<'_>, component: &'static str) -> Result<Self> {
        let deployment = release.the(component, "deployments")?;
        let mut command = release.cluster.kubectl.command(&[
            "get",
            "deployments",
            name(&deployment),
            "--namespace",
            &release.namespace,
            "--watch",
            FORMAT,
        ]);
        // Later than the patience of all that it watches.
        command.arg("--request-timeout=10m");
        let mut watch = Self {
            server: Server::begin(component, &mut command)?,
        };
        watch
            .server
            .wait(PATIENCE, |server| Ok(seen(&log(server)?).is_some()))?;
        Ok(watch)
    }

    /// What was seen until now.
    pub(super) fn end(mut self) -> Result<Seen> {
        self.server.still_runs()?;
        seen(&log(&self.server)?).context("kubectl showed no Deployment")
    }
}

fn log(server: &Server) -> Result<String> {
    Ok(fs::read_to_string(&server.log)?)
}

/// Reads whole lines; `None` without any.
fn seen(log: &str) -> Option<Seen> {
    let (lines, _) = log.rsplit_once('\n')?;
    // A number that is 0 isn't printed.
    let number = |text: &str| text.parse().unwrap_or_default();
    let counts: Vec<(u64, u64)> = lines
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(available, all)| (number(available), number(all)))
        .collect();
    Some(Seen {
        fewest: counts.iter().map(|(available, _)| *available).min()?,
        most: counts.iter().map(|(_, all)| *all).max()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extremes_of_whole_lines_are_seen() {
        let expected = |fewest, most| Some(Seen { fewest, most });
        assert_eq!(seen(""), None);
        assert_eq!(seen("3"), None);
        assert_eq!(seen("3 3\n"), expected(3, 3));
        assert_eq!(seen("3 3\n2 4\n3 4\n1"), expected(2, 4));
        // None is available.
        assert_eq!(seen("3 3\n 3\n"), expected(0, 3));
    }
}
