//! The domain's entry point.

use crate::{database::Database, store::Store};

/// The call log and its operations.
#[derive(Debug)]
pub struct Analytics {
    pub(crate) store: Store,
}

impl Analytics {
    /// The call log in this database. The first call connects, so that a function can start and
    /// report errors while the database is down.
    pub fn new(database: Database) -> Self {
        Self {
            store: Store::new(database),
        }
    }
}
