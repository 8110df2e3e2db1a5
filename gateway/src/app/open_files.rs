//! The process's limit of open files, of which each connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::http::server::connections::Caps;

/// Files for everything but the ports' connections: connections to Kafka's brokers, Lambda and
/// the REST API, and the web app's files.
const OTHERS: u64 = 512;

/// Raises the limit as far as the system allows, and lowers the caps of the two public ports to
/// it. Beyond the limit no port could accept a connection, not even the operator's.
pub(super) fn fit(caps: Caps) -> Caps {
    let limit = raise();
    let fitting = within(limit, caps);
    if fitting != caps {
        tracing::warn!(
            limit,
            connections = fitting.total,
            "the limit of open files (ulimit -n) is too low for GATEWAY_MAX_CONNECTIONS"
        );
    }
    fitting
}

/// Raises the soft limit to the hard one, and returns it.
fn raise() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => maximum.unwrap_or(u64::MAX),
        Err(error) => {
            tracing::debug!(%error, "cannot raise the limit of open files");
            current.unwrap_or(u64::MAX)
        }
    }
}

fn within(limit: u64, caps: Caps) -> Caps {
    let each = limit.saturating_sub(OTHERS).max(2) / 2;
    let each = usize::try_from(each).unwrap_or(usize::MAX);
    Caps {
        total: caps.total.min(each),
        per_address: caps.per_address.min(each),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caps_leave_files_for_the_rest() {
        let caps = Caps {
            total: 8192,
            per_address: 2048,
        };
        assert_eq!(within(1 << 20, caps), caps);
        let low = Caps {
            total: 256,
            per_address: 256,
        };
        assert_eq!(within(1024, caps), low);
        assert_eq!(within(100, caps).total, 1);
    }

    #[test]
    fn the_limit_is_raised() {
        let limit = raise();
        let now = getrlimit(Resource::Nofile);
        assert_eq!(now.current.unwrap_or(u64::MAX), limit);
    }
}
