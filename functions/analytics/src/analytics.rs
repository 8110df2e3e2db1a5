use crate::database::Database;
use crate::store::Store;

/// The call log: its operations, over its store.
#[derive(Debug)]
pub struct Analytics {
    pub(crate) store: Store,
}

impl Analytics {
    /// The call log in this database. Connects with the first call, not here, so that a
    /// function starts, and says so, while the database is down.
    pub fn new(database: Database) -> Self {
        Self {
            store: Store::new(database),
        }
    }
}
