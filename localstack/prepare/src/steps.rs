//! The steps of `prepare`.

use std::str::FromStr;

/// A step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Creates the tables, the bucket and the queues, as the template does on AWS.
    Storage,
    /// Creates the token key in Secrets Manager, and its files.
    Keys,
    /// Creates the token key in files only: the template takes the public keys as a parameter.
    KeyFiles,
    /// Creates the Kafka topics.
    Topics,
    /// Prints commands for Apache Kafka's own tools that create them, for logins by token.
    TopicCommands,
    /// Creates the database's schema.
    Schema,
}

impl Step {
    /// The steps that run if none is named.
    pub const DEFAULT: [Self; 4] = [Self::Storage, Self::Keys, Self::Topics, Self::Schema];
}

/// The name of no step.
#[derive(Debug, PartialEq, Eq)]
pub struct UnknownStep(String);

impl std::fmt::Display for UnknownStep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "unknown step {:?}; the steps are storage, keys, key-files, topics, topic-commands and \
             schema",
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
            "topic-commands" => Ok(Self::TopicCommands),
            "schema" => Ok(Self::Schema),
            _ => Err(UnknownStep(name.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_parsed_from_names() {
        assert_eq!("key-files".parse(), Ok(Step::KeyFiles));
        let error = "everything".parse::<Step>().unwrap_err().to_string();
        assert!(error.contains("\"everything\"") && error.contains("schema"));
    }
}
