//! Signups, with windows in memory and a clock that the tests set.

use std::{
    collections::HashMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use super::*;

#[derive(Debug, Default)]
struct Memory(Mutex<HashMap<String, u32>>);

impl Windows for Memory {
    async fn add(&self, id: &str, limit: u32, _: u64) -> Result<bool, Error> {
        let mut windows = self.0.lock().unwrap();
        let count = windows.entry(id.to_owned()).or_default();
        let added = *count < limit;
        *count += u32::from(added);
        Ok(added)
    }
}

static SECONDS: AtomicU64 = AtomicU64::new(0);

#[tokio::test]
async fn signups_are_limited_for_each_address_and_in_all() {
    let signups = Signups {
        windows: Memory::default(),
        limits: SignupLimits {
            per_address: 2,
            total: 5,
        },
        clock: || UNIX_EPOCH + Duration::from_secs(SECONDS.load(Ordering::SeqCst)),
    };
    let admit = async |address: Option<&str>| {
        let address = address.map(|address| address.parse().unwrap());
        match signups.admit(address).await {
            Ok(()) => None,
            Err(Error::TooManySignups { retry_after }) => Some(retry_after.as_secs()),
            Err(error) => panic!("{error}"),
        }
    };
    let (one, other) = (Some("192.0.2.1"), Some("2001:db8::1"));
    SECONDS.store(7200 + 600, Ordering::SeqCst);
    assert_eq!(admit(one).await, None);
    assert_eq!(admit(Some("192.0.2.2")).await, None);
    assert_eq!(admit(one).await, Some(3000));
    assert_eq!(admit(other).await, None);
    // Kafka has no address.
    assert_eq!(admit(None).await, None);
    assert_eq!(admit(None).await, None);
    assert_eq!(admit(None).await, Some(3000));
    assert_eq!(admit(other).await, Some(3000));
    // The next hour.
    SECONDS.store(7200 + 3600, Ordering::SeqCst);
    assert_eq!(admit(one).await, None);
}
