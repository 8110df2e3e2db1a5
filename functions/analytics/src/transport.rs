use std::str::FromStr;

use crate::Error;

/// How a call reached its function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Rest,
    Grpc,
    Events,
}

impl Transport {
    /// The name in the contract and in the table.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Rest => "rest",
            Self::Grpc => "grpc",
            Self::Events => "events",
        }
    }
}

impl FromStr for Transport {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "rest" => Ok(Self::Rest),
            "grpc" => Ok(Self::Grpc),
            "events" => Ok(Self::Events),
            _ => Err(Error::Transport),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_three_names_are_read() {
        for transport in [Transport::Rest, Transport::Grpc, Transport::Events] {
            assert_eq!(transport.as_str().parse::<Transport>().unwrap(), transport);
        }
        for text in ["", "REST", "http", "rest\0"] {
            assert!(text.parse::<Transport>().is_err(), "{text:?}");
        }
    }
}
