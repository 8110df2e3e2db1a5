//! Reading the call log page by page.

use trichrome_proto::analytics::{GetLogRequest, GetLogsMessage};
use uuid::Uuid;

use crate::{Analytics, Error, cursor::Cursor, entry::Entry, filter::Filter};

/// The number of entries in a page if the request has no limit.
const DEFAULT_LIMIT: u32 = 50;
/// The contract's limit of entries in a page.
const MAX_LIMIT: u32 = 500;

impl Analytics {
    /// Reads a page of the entries that match the filter, newest first, and on request the
    /// totals of all matching entries. Page and totals are of the same snapshot. The entries of
    /// other users than `caller` have no user and trace id.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` for an invalid cursor or filter, `UNAVAILABLE` or `DEADLINE_EXCEEDED`
    /// if the database doesn't respond in time.
    pub async fn read(
        &self,
        request: GetLogRequest,
        caller: &str,
    ) -> Result<GetLogsMessage, Error> {
        let reader = Uuid::try_parse(caller).ok();
        let filter = Filter::read(&request, reader)?;
        let after = Cursor::decode(&request.cursor)?;
        let limit = match request.limit {
            0 => DEFAULT_LIMIT,
            limit => limit.min(MAX_LIMIT),
        };
        // One more than the page shows whether there is a next one.
        let (entries, totals) = self
            .store
            .read(&filter, after, limit + 1, request.totals)
            .await?;
        let (logs, next) = cut(entries, limit as usize);
        Ok(GetLogsMessage {
            logs: logs
                .into_iter()
                .map(|entry| entry.visible_to(reader))
                .collect(),
            next_cursor: next.map(Cursor::encode).unwrap_or_default(),
            totals: request
                .totals
                .then(|| totals.map(Into::into).unwrap_or_default()),
        })
    }
}

/// The page, and the cursor of the next one if there is any.
fn cut(mut entries: Vec<Entry>, limit: usize) -> (Vec<Entry>, Option<Cursor>) {
    let more = entries.len() > limit;
    entries.truncate(limit);
    let next = entries.last().filter(|_| more).map(|last| Cursor {
        at: last.at,
        id: last.id,
    });
    (entries, next)
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;

    fn entries(count: u128) -> Vec<Entry> {
        (0..count)
            .map(|number| Entry::sample(number, OffsetDateTime::UNIX_EPOCH))
            .collect()
    }

    #[test]
    fn a_page_before_the_last_has_a_cursor() {
        let (page, next) = cut(entries(3), 2);
        assert_eq!(page.len(), 2);
        assert_eq!(next.unwrap().id, Uuid::from_u128(1));
    }

    #[test]
    fn the_last_page_has_no_cursor() {
        for count in 0..=2 {
            let (page, next) = cut(entries(count), 2);
            assert_eq!((page.len() as u128, next), (count, None));
        }
    }
}
