//! Which queue invokes which function.

use std::str::FromStr;

/// Messages of a batch by default: the most that SQS returns at once.
const MAX_BATCH: u8 = 10;

/// A queue and the function that handles its messages, written as
/// `<queue url>=<function>[,<batch size>]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The queue's URL.
    pub queue_url: String,
    /// The function's name.
    pub function: String,
    /// Messages of a batch, 1 to 10.
    pub batch: u8,
}

impl Mapping {
    /// The queue's name.
    pub(crate) fn queue(&self) -> &str {
        self.queue_url.rsplit('/').next().unwrap_or_default()
    }

    /// The queue's ARN, from the URL's `/<account>/<name>`.
    pub(crate) fn queue_arn(&self, region: &str) -> String {
        let mut parts = self.queue_url.rsplit('/');
        let (name, account) = (parts.next(), parts.next());
        format!(
            "arn:aws:sqs:{region}:{}:{}",
            account.unwrap_or_default(),
            name.unwrap_or_default()
        )
    }
}

/// A text that isn't a mapping.
#[derive(Debug, PartialEq, Eq)]
pub struct InvalidMapping(String);

impl std::fmt::Display for InvalidMapping {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:?} is not <queue url>=<function>[,<batch size>], with a size of 1 to {MAX_BATCH}",
            self.0
        )
    }
}

impl std::error::Error for InvalidMapping {}

impl FromStr for Mapping {
    type Err = InvalidMapping;

    fn from_str(text: &str) -> Result<Self, InvalidMapping> {
        let mapping = || {
            let (queue_url, function) = text.rsplit_once('=')?;
            let (function, batch) = match function.split_once(',') {
                Some((function, batch)) => (function, batch.parse().ok()?),
                None => (function, MAX_BATCH),
            };
            let valid = queue_url.contains("://")
                && !function.is_empty()
                && (1..=MAX_BATCH).contains(&batch);
            valid.then(|| Self {
                queue_url: queue_url.to_owned(),
                function: function.to_owned(),
                batch,
            })
        };
        mapping().ok_or_else(|| InvalidMapping(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_names_queue_function_and_batch_size() {
        let mapping: Mapping = "http://127.0.0.1:4566/000000000000/call-logs=analytics-ingest"
            .parse()
            .unwrap();
        assert_eq!(mapping.function, "analytics-ingest");
        assert_eq!(mapping.batch, 10);
        assert_eq!(mapping.queue(), "call-logs");
        assert_eq!(
            mapping.queue_arn("us-east-1"),
            "arn:aws:sqs:us-east-1:000000000000:call-logs"
        );
        let mapping: Mapping = "http://h/1/q=f,1".parse().unwrap();
        assert_eq!((mapping.function.as_str(), mapping.batch), ("f", 1));
        for text in [
            "",
            "http://h/1/q",
            "http://h/1/q=",
            "call-logs=f",
            "http://h/1/q=,1",
            "http://h/1/q=f,",
            "http://h/1/q=f,0",
            "http://h/1/q=f,11",
        ] {
            let error = text.parse::<Mapping>().unwrap_err().to_string();
            assert!(error.contains("<queue url>=<function>"), "{error}");
        }
    }
}
