//! Selecting a page of entries.

use sqlx::{PgConnection, QueryBuilder, Row as _, postgres::PgRow};

use super::conditions;
use crate::{cursor::Cursor, entry::Entry, filter::Filter};

/// At most `limit` entries that match the filter, newest first, after the cursor.
///
/// Pages are selected by key, not by OFFSET: the hundredth page costs no more than the first,
/// and entries that arrive in between neither repeat nor hide others.
pub(crate) async fn page(
    connection: &mut PgConnection,
    filter: &Filter,
    after: Option<Cursor>,
    limit: u32,
) -> Result<Vec<Entry>, sqlx::Error> {
    let mut query = QueryBuilder::new(
        "SELECT id, at, duration_ms, user_id, trace_id, status, transport, service, method, client \
         FROM calls",
    );
    conditions::push(filter, &mut query);
    if let Some(Cursor { at, id }) = after {
        query.push(" AND (at, id) < (").push_bind(at);
        query.push(", ").push_bind(id).push(")");
    }
    query.push(" ORDER BY at DESC, id DESC LIMIT ");
    query.push_bind(i64::from(limit));
    query.build().try_map(entry).fetch_all(connection).await
}

fn entry(row: PgRow) -> Result<Entry, sqlx::Error> {
    let transport: &str = row.try_get("transport")?;
    Ok(Entry {
        id: row.try_get("id")?,
        at: row.try_get("at")?,
        transport: transport
            .parse()
            .map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
        service: row.try_get("service")?,
        method: row.try_get("method")?,
        status: row.try_get("status")?,
        duration_ms: row.try_get("duration_ms")?,
        user_id: row.try_get("user_id")?,
        trace_id: row.try_get("trace_id")?,
        client: row.try_get("client")?,
        is_timed: true,
    })
}
