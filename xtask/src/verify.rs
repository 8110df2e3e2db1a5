//! Checks by big programs that a user's machine needn't have.
//!
//! Each part is a file here that defines a [`Part`], and an entry in [`PARTS`].

mod cache;
mod call_logs;
mod cargo_program;
mod checks;
mod cluster;
mod collector;
mod filebeat;
pub(crate) mod go_program;
mod growth;
mod jaeger;
mod kafka_clients;
mod kubernetes;
mod requests;
mod server;
mod upgrade;
mod vault;

use anyhow::Result;

pub(crate) use checks::Checks;

/// All parts, in the order in which they run: the quick ones first.
pub(crate) static PARTS: [&Part; 11] = [
    &requests::PART,
    &call_logs::PART,
    &growth::PART,
    &kafka_clients::PART,
    &vault::PART,
    &upgrade::PART,
    &collector::PART,
    &filebeat::PART,
    &jaeger::PART,
    &kubernetes::PART,
    &cluster::PART,
];

/// Checks that go together.
pub(crate) struct Part {
    pub(crate) name: &'static str,
    /// What it checks, in one line.
    pub(crate) about: &'static str,
    /// What the machine must have.
    needs: &'static [&'static dyn Need],
    run: fn(&mut Checks) -> Result<()>,
}

impl Part {
    /// What this machine lacks to run the part; `None` where it lacks nothing.
    pub(crate) fn lacks(&self) -> Result<Option<String>> {
        let mut lacking = Vec::new();
        for need in self.needs {
            lacking.extend(need.lacks()?);
        }
        // Several programs may lack the same.
        lacking.dedup();
        Ok((!lacking.is_empty()).then(|| lacking.join("; ")))
    }

    /// Runs the checks.
    ///
    /// # Errors
    ///
    /// Something that the checks need failed. Failed checks are counted instead.
    pub(crate) fn run(&self, checks: &mut Checks) -> Result<()> {
        (self.run)(checks)
    }
}

/// Something that a machine may lack.
pub(crate) trait Need: Sync {
    /// What it lacks, if anything, and how to get it.
    fn lacks(&self) -> Result<Option<String>>;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    struct Lacks(Option<&'static str>);

    impl Need for Lacks {
        fn lacks(&self) -> Result<Option<String>> {
            Ok(self.0.map(str::to_owned))
        }
    }

    fn part(needs: &'static [&'static dyn Need]) -> Part {
        Part {
            name: "part",
            about: "",
            needs,
            run: |_| Ok(()),
        }
    }

    #[test]
    fn each_thing_that_is_missing_is_named_once() {
        static NOTHING: Lacks = Lacks(None);
        static GO: Lacks = Lacks(Some("Go"));
        static DISK: Lacks = Lacks(Some("disk"));
        static ONE: [&dyn Need; 1] = [&NOTHING];
        static MANY: [&dyn Need; 4] = [&GO, &NOTHING, &GO, &DISK];
        assert_eq!(part(&ONE).lacks().unwrap(), None);
        let lacking = part(&MANY).lacks().unwrap();
        assert_eq!(lacking.as_deref(), Some("Go; disk"));
    }

    #[test]
    fn names_are_unique() {
        let names: BTreeSet<_> = PARTS.iter().map(|part| part.name).collect();
        assert_eq!(names.len(), PARTS.len());
    }
}
