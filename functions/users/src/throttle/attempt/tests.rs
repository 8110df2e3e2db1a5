//! Attempts, with counters in memory and a clock that the tests set.

use std::{
    collections::HashMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use uuid::Uuid;

use super::*;
use crate::throttle::counter::LONGEST;

/// Counters in memory.
#[derive(Debug, Default)]
pub(crate) struct Memory(Mutex<HashMap<String, Counter>>);

impl Counters for Memory {
    async fn get(&self, id: &str) -> Result<Option<Counter>, Error> {
        let counter = self.0.lock().unwrap().get(id).copied();
        // Others read before this one writes, as over a network.
        tokio::task::yield_now().await;
        Ok(counter)
    }

    async fn replace(&self, id: &str, seen: Option<Counter>, next: Counter) -> Result<bool, Error> {
        let mut counters = self.0.lock().unwrap();
        let unchanged = counters.get(id).copied() == seen;
        if unchanged {
            counters.insert(id.to_owned(), next);
        }
        Ok(unchanged)
    }

    async fn set(&self, id: &str, next: Counter) -> Result<(), Error> {
        self.0.lock().unwrap().insert(id.to_owned(), next);
        Ok(())
    }
}

/// Declares a clock and a throttle that uses it. Each test has a clock of its own.
macro_rules! throttle {
    ($throttle:ident, $clock:ident) => {
        static SECONDS: AtomicU64 = AtomicU64::new(1_000_000);
        let $throttle = Throttle {
            counters: Memory::default(),
            clock: || UNIX_EPOCH + Duration::from_secs(SECONDS.load(Ordering::SeqCst)),
        };
        let $clock = |seconds: u64| {
            SECONDS.fetch_add(seconds, Ordering::SeqCst);
        };
    };
}

fn address(text: &str) -> Option<IpAddr> {
    Some(text.parse().unwrap())
}

/// Makes an attempt with a wrong password. Returns the delay if it is refused.
async fn fail(throttle: &Throttle<Memory>, from: Option<IpAddr>) -> Result<(), u64> {
    match throttle.admit("ada", from).await {
        Ok(attempt) => {
            attempt.failed();
            Ok(())
        }
        Err(Error::Throttled { retry_after }) => Err(retry_after.as_secs()),
        Err(error) => panic!("{error}"),
    }
}

async fn succeed(throttle: &Throttle<Memory>, from: Option<IpAddr>) -> Result<(), u64> {
    match throttle.admit("ada", from).await {
        Ok(attempt) => {
            attempt.succeeded().await;
            Ok(())
        }
        Err(Error::Throttled { retry_after }) => Err(retry_after.as_secs()),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn failures_delay_the_next_attempt_and_a_success_forgets_them() {
    for from in [address("192.0.2.1"), None] {
        throttle!(throttle, wait);
        for _ in 0..10 {
            fail(&throttle, from).await.unwrap();
        }
        assert_eq!(fail(&throttle, from).await, Err(1));
        // Neither the right password nor another wrong one changes the delay.
        assert_eq!(succeed(&throttle, from).await, Err(1));
        wait(1);
        fail(&throttle, from).await.unwrap();
        assert_eq!(fail(&throttle, from).await, Err(2));
        wait(2);
        succeed(&throttle, from).await.unwrap();
        for _ in 0..10 {
            fail(&throttle, from).await.unwrap();
        }
        assert_eq!(fail(&throttle, from).await, Err(1));
        wait(15 * 60 + 1);
        for _ in 0..10 {
            fail(&throttle, from).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_guesser_who_never_pauses_makes_an_attempt_a_minute_at_most() {
    throttle!(throttle, wait);
    let from = address("192.0.2.1");
    let mut attempts = 0;
    for _ in 0..3600 {
        while fail(&throttle, from).await.is_ok() {
            attempts += 1;
        }
        wait(1);
    }
    // 10 at once, 6 in the first minute, then one a minute.
    assert!((70..=76).contains(&attempts), "{attempts}");
}

#[tokio::test]
async fn one_stranger_delays_no_other_address() {
    throttle!(throttle, _wait);
    while fail(&throttle, address("192.0.2.1")).await.is_ok() {}
    assert_eq!(fail(&throttle, address("192.0.2.99")).await, Err(1));
    succeed(&throttle, address("198.51.100.1")).await.unwrap();
    succeed(&throttle, address("2001:db8::1")).await.unwrap();
    succeed(&throttle, None).await.unwrap();
    assert!(fail(&throttle, address("192.0.2.1")).await.is_err());
}

/// Under attack from any number of addresses and over Kafka, a user who has signed up or logged
/// in from an address before logs in from there at once, and from a new one within a minute.
#[tokio::test]
async fn a_user_gets_in_under_attack() {
    throttle!(throttle, wait);
    let (home, away) = (address("203.0.113.7"), address("198.51.100.1"));
    throttle.welcome("ada", home).await;
    for second in 0..200 {
        for _ in 0..2 {
            let block = Uuid::new_v4().as_u128();
            let from = IpAddr::from(std::net::Ipv6Addr::from_bits(block));
            let _ = fail(&throttle, Some(from)).await;
        }
        let _ = fail(&throttle, None).await;
        assert_eq!(succeed(&throttle, home).await, Ok(()), "after {second} s");
        wait(1);
    }
    let _ = fail(&throttle, address("10.8.8.8")).await;
    let delay = succeed(&throttle, away).await.unwrap_err();
    assert!(delay <= LONGEST.as_secs(), "{delay}");
    // Refused attempts aren't counted for the address.
    for _ in 0..20 {
        assert_eq!(succeed(&throttle, away).await, Err(delay));
    }
    wait(delay);
    succeed(&throttle, away).await.unwrap();
    // It is known now.
    let _ = fail(&throttle, address("10.9.9.9")).await;
    succeed(&throttle, away).await.unwrap();
}

#[tokio::test]
async fn a_known_address_is_known_for_90_days() {
    throttle!(throttle, wait);
    let home = address("203.0.113.7");
    succeed(&throttle, home).await.unwrap();
    for (days, known) in [(89, true), (2, false)] {
        wait(days * 24 * 60 * 60);
        let attempt = throttle.admit("ada", home).await.unwrap();
        assert_eq!(attempt.strangers.is_none(), known, "{days}");
    }
}

#[tokio::test]
async fn attempts_at_once_do_not_exceed_the_free_ones() {
    throttle!(throttle, _wait);
    let from = address("192.0.2.1");
    let mut attempts: Vec<_> = Vec::new();
    for _ in 0..100 {
        attempts.push(fail(&throttle, from));
    }
    let admitted = futures_admitted(attempts).await;
    assert_eq!(admitted, 10);
}

/// Runs them all at once. Returns how many were admitted.
async fn futures_admitted(attempts: Vec<impl Future<Output = Result<(), u64>>>) -> usize {
    let mut attempts: Vec<_> = attempts.into_iter().map(Box::pin).collect();
    let mut admitted = 0;
    std::future::poll_fn(|context| {
        attempts.retain_mut(|attempt| match attempt.as_mut().poll(context) {
            std::task::Poll::Ready(outcome) => {
                admitted += usize::from(outcome.is_ok());
                false
            }
            std::task::Poll::Pending => true,
        });
        if attempts.is_empty() {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    admitted
}

#[tokio::test]
async fn usernames_and_addresses_are_not_stored() {
    throttle!(throttle, _wait);
    fail(&throttle, address("192.0.2.1")).await.unwrap();
    fail(&throttle, None).await.unwrap();
    let counters = throttle.counters.0.lock().unwrap();
    assert_eq!(counters.len(), 3);
    for id in counters.keys() {
        assert!(!id.contains("ada") && !id.contains("192"), "{id}");
        assert!(id.len() < 80, "{id}");
    }
}
