//! Where the parts listen: on loopback, always.

use anyhow::{Result, bail};

use crate::port::{free, named, shared, taken};

/// One port a listener.
#[derive(Clone, Copy)]
pub(crate) struct Ports {
    /// REST, and the Invoke API.
    pub(crate) rest: u16,
    pub(crate) gateway: u16,
    pub(crate) grpc: u16,
    pub(crate) kafka: u16,
    pub(crate) aws: u16,
    pub(crate) postgres: u16,
    /// The gateway's pages for operators.
    pub(crate) admin: u16,
    /// cargo-lambda, which only the stack itself uses.
    pub(crate) lambda: u16,
}

/// The ports people know, the variable that moves each, and what listens there.
const DEFAULTS: [(&str, u16, &str); 8] = [
    ("TRICHROME_PORT_REST", 9000, "REST and the Invoke API"),
    ("TRICHROME_PORT_GATEWAY", 3005, "the gateway"),
    ("TRICHROME_PORT_GRPC", 50051, "gRPC"),
    ("TRICHROME_PORT_KAFKA", 29092, "Kafka"),
    ("TRICHROME_PORT_AWS", 4566, "the local AWS"),
    ("TRICHROME_PORT_POSTGRES", 54320, "Postgres"),
    (
        "TRICHROME_PORT_ADMIN",
        6060,
        "the gateway's pages for operators",
    ),
    ("TRICHROME_PORT_LAMBDA", 9001, "cargo lambda watch"),
];

impl Ports {
    /// The ports of `up`.
    ///
    /// # Errors
    ///
    /// Names every port that is taken or given twice, and the variable that moves it.
    pub(crate) fn fixed() -> Result<Self> {
        let mut ports = [0; 8];
        let mut problems = Vec::new();
        for (port, (variable, default, what)) in ports.iter_mut().zip(DEFAULTS) {
            *port = named(variable, default)?;
            problems.extend(taken(*port, variable, what));
        }
        let names = DEFAULTS.map(|(variable, ..)| variable);
        let given: Vec<_> = names.into_iter().zip(ports).collect();
        problems.extend(shared(&given));
        if !problems.is_empty() {
            bail!("{}", problems.join("\n       "));
        }
        Ok(Self::from_array(ports))
    }

    /// Each port, with the variable that moves it.
    pub(crate) fn named(&self) -> [(&'static str, u16); 8] {
        let ports = [
            self.rest,
            self.gateway,
            self.grpc,
            self.kafka,
            self.aws,
            self.postgres,
            self.admin,
            self.lambda,
        ];
        let mut named = DEFAULTS.map(|(variable, ..)| (variable, 0));
        for ((_, named), port) in named.iter_mut().zip(ports) {
            *named = port;
        }
        named
    }

    /// Ports that were free a moment ago.
    pub(crate) fn free() -> Result<Self> {
        let mut ports = [0; 8];
        for port in &mut ports {
            *port = free()?;
        }
        Ok(Self::from_array(ports))
    }

    fn from_array([rest, gateway, grpc, kafka, aws, postgres, admin, lambda]: [u16; 8]) -> Self {
        Self {
            rest,
            gateway,
            grpc,
            kafka,
            aws,
            postgres,
            admin,
            lambda,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::{accepts, bind};

    #[test]
    fn free_ports_differ_and_a_taken_one_is_noticed() {
        let ports = Ports::free().unwrap();
        assert_ne!(ports.rest, ports.gateway);
        assert!(!accepts(ports.kafka));
        let _listener = bind(ports.kafka).unwrap();
        assert!(accepts(ports.kafka));
        assert!(bind(ports.kafka).is_err());
    }
}
