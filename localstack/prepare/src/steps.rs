//! What `prepare` can do, and which of it is asked for.

use std::str::FromStr;

/// One thing to prepare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The tables and the bucket, which on AWS the template makes.
    Storage,
    /// The token key, in Secrets Manager, and the files made from it.
    Keys,
    /// The token key, in files alone: for a template that wants the public half beforehand.
    KeyFiles,
    /// The Kafka topics.
    Topics,
    /// The database's schema.
    Schema,
}

impl Step {
    /// What is done where no step is named: all that the functions need.
    pub const DEFAULT: [Self; 4] = [Self::Storage, Self::Keys, Self::Topics, Self::Schema];
}

/// A name that is no step's.
#[derive(Debug, PartialEq, Eq)]
pub struct UnknownStep(String);

impl std::fmt::Display for UnknownStep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "there is no step {:?}; there are storage, keys, key-files, topics and schema",
            self.0
        )
    }
}

impl std::error::Error for UnknownStep {}

impl FromStr for Step {
    type Err = UnknownStep;

    fn from_str(name: &str) -> Result<Self, UnknownStep> {
        match name {
            "storage" => Ok(Self::Storage),
            "keys" => Ok(Self::Keys),
            "key-files" => Ok(Self::KeyFiles),
            "topics" => Ok(Self::Topics),
            "schema" => Ok(Self::Schema),
            _ => Err(UnknownStep(name.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_found_by_its_name() {
        assert_eq!("key-files".parse(), Ok(Step::KeyFiles));
        let error = "everything".parse::<Step>().unwrap_err().to_string();
        assert!(error.contains("\"everything\"") && error.contains("schema"));
    }
}
