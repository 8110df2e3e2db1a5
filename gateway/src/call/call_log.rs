//! Writes call logs for the topic `analyticsdata`.

use std::sync::Arc;

use trichrome_proto::analytics::AnalyticsEntryMessage;

/// Takes records without waiting. Records without room are dropped and counted.
pub(crate) trait LogSink: Send + Sync {
    fn put(&self, key: &str, value: &[u8]);
}

/// Writes call logs. Cheap to clone.
#[derive(Clone)]
pub(crate) struct CallLog {
    sink: Arc<dyn LogSink>,
}

impl CallLog {
    pub(crate) fn new(sink: Arc<dyn LogSink>) -> Self {
        Self { sink }
    }

    /// Writes one entry, with its id as the key. Never fails or delays the call.
    pub(crate) fn write(&self, entry: &AnalyticsEntryMessage) {
        match serde_json::to_vec(entry) {
            Ok(value) => self.sink.put(&entry.id, &value),
            Err(error) => tracing::error!(%error, "a call log could not be written"),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Mutex;

    use serde_json::Value;

    use super::*;

    /// Keeps call logs in memory.
    #[derive(Default)]
    pub(crate) struct Logged(Mutex<Vec<Value>>);

    impl LogSink for Logged {
        fn put(&self, key: &str, value: &[u8]) {
            let entry: Value = serde_json::from_slice(value).unwrap();
            assert_eq!(entry["id"], key);
            self.0.lock().unwrap().push(entry);
        }
    }

    impl Logged {
        pub(crate) fn count(&self) -> usize {
            self.0.lock().unwrap().len()
        }

        pub(crate) fn only(&self) -> Value {
            let entries = self.0.lock().unwrap();
            assert_eq!(entries.len(), 1, "{entries:?}");
            entries[0].clone()
        }
    }

    #[test]
    fn an_entry_is_the_contracts_message() {
        let logged = Arc::new(Logged::default());
        let entry = AnalyticsEntryMessage {
            transport: "grpc".into(),
            id: "i".into(),
            status: 200,
            ..Default::default()
        };
        CallLog::new(Arc::clone(&logged) as _).write(&entry);
        let read: AnalyticsEntryMessage = serde_json::from_value(logged.only()).unwrap();
        assert_eq!(read, entry);
    }
}
