//! How soon what has ended is started again.

use std::{
    collections::{BTreeSet, VecDeque},
    time::{Duration, Instant},
};

use super::super::running::Ended;
use crate::progress::say;

/// What ended this many times within a minute is started again only after a pause.
const RESTARTS: usize = 5;
const RESTARTS_WITHIN: Duration = Duration::from_secs(60);
const RESTART_PAUSE: Duration = Duration::from_secs(5);

/// The crashes of parts, and of functions' processes at their start. A function's process that has
/// served doesn't count: as on Lambda it is replaced at once, however often.
#[derive(Default)]
pub(super) struct Crashes {
    restarts: VecDeque<(String, Instant)>,
    /// Names of what crashes repeatedly and waits for its next start.
    paused: BTreeSet<String>,
}

impl Crashes {
    /// Whether to wait before the next start. The first time is reported.
    pub(super) fn pause(&mut self, ended: &Ended, now: Instant) -> bool {
        if ended.served {
            return false;
        }
        let name = &ended.name;
        self.restarts
            .retain(|(_, at)| now.duration_since(*at) <= RESTARTS_WITHIN);
        let lately = self.restarts.iter().filter(|(other, _)| other == name);
        let last = lately.clone().next_back();
        if lately.count() < RESTARTS {
            self.paused.remove(name);
            return false;
        }
        let waits = last.is_some_and(|(_, at)| now.duration_since(*at) < RESTART_PAUSE);
        if self.paused.insert(name.clone()) {
            say(format!(
                "! {name} has ended more than {RESTARTS} times within a minute: it is started \
                 again every {} s. To see why, read its log; `cargo xtask restart {name}` starts \
                 it at once",
                RESTART_PAUSE.as_secs()
            ));
        }
        waits
    }

    /// Records that these, which have crashed, are started again.
    pub(super) fn restarted(&mut self, names: BTreeSet<String>, now: Instant) {
        let restarts = names.into_iter().map(|name| (name, now));
        self.restarts.extend(restarts);
    }

    /// Forgets what has crashed: it is stopped or started on request.
    pub(super) fn forget(&mut self, name: &str) {
        self.restarts.retain(|(other, _)| other != name);
        self.paused.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::{super::super::parts::Part, *};

    fn ended(served: bool) -> Ended {
        Ended {
            part: Part::Functions,
            name: "users-get".to_owned(),
            relay: None,
            served,
            crashed: true,
        }
    }

    #[test]
    fn a_crash_loop_is_paused_and_a_process_that_has_served_is_not() {
        let (mut crashes, now) = (Crashes::default(), Instant::now());
        let crash = |crashes: &mut Crashes, after| {
            let now = now + Duration::from_secs(after);
            let pause = crashes.pause(&ended(false), now);
            if !pause {
                crashes.restarted(["users-get".to_owned()].into(), now);
            }
            pause
        };
        for _ in 0..RESTARTS {
            assert!(!crash(&mut crashes, 0));
        }
        assert!(crash(&mut crashes, 1));
        for _ in 0..100 {
            assert!(!crashes.pause(&ended(true), now));
        }
        assert!(!crash(&mut crashes, 6));
        assert!(crash(&mut crashes, 7));
        crashes.forget("users-get");
        assert!(!crash(&mut crashes, 7));
    }
}
