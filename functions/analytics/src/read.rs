use trichrome_proto::analytics::{GetLogRequest, GetLogsMessage};

use crate::cursor::Cursor;
use crate::entry::Entry;
use crate::filter::Filter;
use crate::{Analytics, Error};

/// The entries of a page where the request names no number.
const DEFAULT_LIMIT: u32 = 50;
/// The most entries of a page; the contract's number.
const MAX_LIMIT: u32 = 500;

impl Analytics {
    /// Reads the entries that the filters take, newest first, a page at a time, and totals
    /// over all of them where asked for. Page and totals are of one moment.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` for a cursor that is none, or filters that no entry can pass;
    /// `UNAVAILABLE` or `DEADLINE_EXCEEDED` where the database does not answer in time.
    pub async fn read(&self, request: GetLogRequest) -> Result<GetLogsMessage, Error> {
        let filter = Filter::try_from(&request)?;
        let after = Cursor::decode(&request.cursor)?;
        let limit = match request.limit {
            0 => DEFAULT_LIMIT,
            limit => limit.min(MAX_LIMIT),
        };
        // One more than the page: whether there is a next.
        let (entries, totals) = self
            .store
            .read(&filter, after, limit + 1, request.totals)
            .await?;
        let (logs, next) = cut(entries, limit as usize);
        Ok(GetLogsMessage {
            logs: logs.into_iter().map(Into::into).collect(),
            next_cursor: next.map(Cursor::encode).unwrap_or_default(),
            totals: request
                .totals
                .then(|| totals.map(Into::into).unwrap_or_default()),
        })
    }
}

/// The page, and where the next begins if anything is left.
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
    use uuid::Uuid;

    use super::*;
    use crate::transport::Transport;

    fn entries(count: u128) -> Vec<Entry> {
        (0..count)
            .map(|number| Entry {
                id: Uuid::from_u128(number),
                at: OffsetDateTime::UNIX_EPOCH,
                transport: Transport::Rest,
                service: "auth".to_owned(),
                method: "Login".to_owned(),
                status: 200,
                duration_ms: 1.0,
                user_id: None,
                trace_id: None,
            })
            .collect()
    }

    #[test]
    fn a_page_with_more_behind_it_ends_on_a_cursor() {
        let (page, next) = cut(entries(3), 2);
        assert_eq!(page.len(), 2);
        assert_eq!(next.unwrap().id, Uuid::from_u128(1));
    }

    #[test]
    fn the_last_page_ends_on_none() {
        for count in 0..=2 {
            let (page, next) = cut(entries(count), 2);
            assert_eq!((page.len() as u128, next), (count, None));
        }
    }
}
