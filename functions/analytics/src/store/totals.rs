//! Computing totals in SQL.

use std::collections::HashMap;

use sqlx::{
    PgConnection, Postgres, QueryBuilder, Row as _,
    postgres::{PgRow, types::PgInterval},
};
use time::{Duration, OffsetDateTime};

use super::{
    conditions,
    sources::{Knowledge, Piece, Source, Span, cover},
};
use crate::{
    buckets::Buckets,
    filter::Filter,
    totals::{Percentile, Sum, Sums},
};

/// The longest range of one operation whose buckets may be shorter than an hour. The sums by five
/// minutes are of all operations together, so such a chart is counted from the calls themselves:
/// about a second for each million.
const LONGEST_COUNTED: Duration = Duration::hours(12);

/// The totals of all entries that match the filter, or `None` if none does.
pub(crate) async fn totals(
    connection: &mut PgConnection,
    filter: &Filter,
) -> Result<Option<Sums>, sqlx::Error> {
    let summed_from = summed_from(connection).await?;
    let knowledge = Knowledge::of(filter);
    let Some((first, last)) = ends(connection, filter, knowledge, summed_from).await? else {
        return Ok(None);
    };
    let shortest = match knowledge {
        Knowledge::Operations if last - first > LONGEST_COUNTED => Duration::HOUR,
        _ => Duration::ZERO,
    };
    let buckets = Buckets::spanning(first, last, shortest);
    let span = Span {
        since: filter.since,
        until: filter.until,
    };
    let rows = query(
        filter,
        &buckets,
        &cover(span, summed_from, knowledge.for_operations()),
        &cover(span, summed_from, knowledge.for_buckets(&buckets)),
    )
    .build()
    .fetch_all(connection)
    .await?;
    let mut sums = Sums {
        all: Sum::default(),
        by_transport: Vec::new(),
        by_operation: Vec::new(),
        buckets,
        over_time: HashMap::new(),
    };
    for row in &rows {
        let sum = sum(row)?;
        match row.try_get::<i32, _>("grouping")? {
            ALL => sums.all = sum,
            BY_TRANSPORT => sums.by_transport.push((row.try_get("transport")?, sum)),
            BY_OPERATION => sums.by_operation.push((row.try_get("operation")?, sum)),
            OVER_TIME => {
                let start: OffsetDateTime = row.try_get("bucket")?;
                sums.over_time.insert(start.unix_timestamp(), sum);
            }
            grouping => return Err(sqlx::Error::Decode(format!("grouping {grouping}").into())),
        }
    }
    Ok((sums.all.calls > 0).then_some(sums))
}

/// From when on the sums have all calls; `None` if they have all.
async fn summed_from(connection: &mut PgConnection) -> Result<Option<OffsetDateTime>, sqlx::Error> {
    let query = "SELECT nullif(summed_from, '-infinity') FROM calls_state";
    sqlx::query_scalar(query).fetch_one(connection).await
}

/// The ends of the totals' time: `since` and `until`, or else the first and the last entry.
async fn ends(
    connection: &mut PgConnection,
    filter: &Filter,
    knowledge: Knowledge,
    summed_from: Option<OffsetDateTime>,
) -> Result<Option<(OffsetDateTime, OffsetDateTime)>, sqlx::Error> {
    // The last time before `until`: Postgres has microseconds.
    let last = filter.until.map(|until| until - Duration::MICROSECOND);
    if let (Some(first), Some(last)) = (filter.since, last) {
        return Ok(Some((first, last.max(first))));
    }
    if knowledge != Knowledge::Nothing && summed_from.is_none() {
        let (first_day, last_day) = days(connection, filter).await?;
        let found = ends_within(connection, filter, first_day, last_day).await?;
        let (first, last) = (filter.since.or(found.0), last.or(found.1));
        // A day may be dropped before its sums are.
        if let Some(ends) = first.zip(last) {
            return Ok(Some(ends));
        }
    }
    let found = ends_within(connection, filter, None, None).await?;
    Ok(filter.since.or(found.0).zip(last.or(found.1)))
}

/// Optional first and last times.
type Ends = (Option<OffsetDateTime>, Option<OffsetDateTime>);

/// The first entry, and the last, each on its day if that is known.
async fn ends_within(
    connection: &mut PgConnection,
    filter: &Filter,
    first_day: Option<OffsetDateTime>,
    last_day: Option<OffsetDateTime>,
) -> Result<Ends, sqlx::Error> {
    let on = |day: Option<OffsetDateTime>| Span {
        since: filter.since.max(day),
        until: match (filter.until, day.map(|day| day + Duration::DAY)) {
            (Some(until), Some(end)) => Some(until.min(end)),
            (until, end) => until.or(end),
        },
    };
    let mut query = QueryBuilder::new("SELECT (SELECT min(at) FROM calls");
    conditions::push_within(filter, on(first_day), &mut query);
    query.push(") AS first, (SELECT max(at) FROM calls");
    conditions::push_within(filter, on(last_day), &mut query);
    query.push(") AS last");
    let row = query.build().fetch_one(connection).await?;
    Ok((row.try_get("first")?, row.try_get("last")?))
}

/// The first and the last day that may have entries. They save looking for a rare operation through
/// all entries.
async fn days(connection: &mut PgConnection, filter: &Filter) -> Result<Ends, sqlx::Error> {
    let mut query = QueryBuilder::new("SELECT min(start) AS first, max(start) AS last FROM ");
    query.push(Source::OperationDays.table());
    let span = Span {
        since: filter
            .since
            .map(|since| since.saturating_sub(Duration::DAY)),
        until: filter.until,
    };
    conditions::push_sums(filter, span, &mut query);
    let row = query.build().fetch_one(connection).await?;
    Ok((row.try_get("first")?, row.try_get("last")?))
}

/// Values of `GROUPING(transport, method)`: a bit is set if a row isn't grouped by the column.
const ALL: i32 = 0b11;
const BY_TRANSPORT: i32 = 0b01;
const BY_OPERATION: i32 = 0b10;
/// By time. No grouping of the two columns has this value.
const OVER_TIME: i32 = 0;

/// The entries' durations in steps of 2 %.
const CELL: &str = "floor(ln(greatest(duration_ms, 0.001)) * 50)::int2 AS cell";

/// What is counted of the entries of a cell. Durations are whole microseconds.
const COUNTS: &str = "count(*) AS calls, count(*) FILTER (WHERE status >= 400) AS errors, \
     sum(round(duration_ms * 1000))::int8 AS micros";

/// The same in a table of sums.
const SUMS: &str = "calls, errors, micros";

/// The same of failed calls alone.
const SUMS_OF_ERRORS: &str = "errors AS calls, errors, error_micros AS micros";

/// All groupings in one statement.
///
/// Calls are counted in cells: by operation and transport, and by bucket of time, each by duration in
/// steps of 2 %. Most cells are read from tables of sums ([`cover`]), and those of the range's ends
/// are counted. The rest of the statement only reads the cells, about ten thousand. A percentile is
/// the mean of the cell that it falls into: exact if the cell has one duration, as with few entries,
/// and within 2 % otherwise. `percentile_cont` over the entries would always be exact, but it sorts
/// all of them for each grouping. Measured: 2.4 µs of CPU time for each entry instead of 1, and 60 MB
/// of temporary files for each million entries and each view of a chart.
///
/// Only the hundred groups with the most calls are returned for each grouping, because callers
/// choose the names of services and methods they log.
fn query(
    filter: &Filter,
    buckets: &Buckets,
    operations: &[Piece],
    times: &[Piece],
) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new(
        "WITH operations AS (SELECT transport, service, method, cell, sum(calls)::int8 AS calls, \
         sum(errors)::int8 AS errors, sum(micros)::int8 AS micros FROM (",
    );
    union(&mut query, filter, operations, "1, 2, 3, 4", |query, _| {
        query.push("transport, service, method");
    });
    query.push(
        ") AS pieces GROUP BY transport, service, method, cell HAVING sum(calls) > 0), \
         buckets AS (SELECT bucket, cell, sum(calls)::int8 AS calls, sum(errors)::int8 AS errors, \
         sum(micros)::int8 AS micros FROM (",
    );
    union(&mut query, filter, times, "1, 2", |query, source| {
        query.push("date_bin(").push_bind(PgInterval {
            months: 0,
            days: 0,
            // At most 200 years.
            microseconds: i64::try_from(buckets.length().whole_microseconds()).unwrap_or(i64::MAX),
        });
        query.push(match source {
            Source::Calls => ", at, ",
            _ => ", start, ",
        });
        query.push_bind(Buckets::origin()).push(") AS bucket");
    });
    query.push(
        ") AS pieces GROUP BY bucket, cell HAVING sum(calls) > 0), \
         cells AS (SELECT GROUPING(transport, method) AS grouping, \
             transport, service, method, NULL::timestamptz AS bucket, cell, \
             sum(calls)::int8 AS calls, sum(errors)::int8 AS errors, \
             sum(micros)::int8 AS micros FROM operations \
             GROUP BY GROUPING SETS ((cell), (transport, cell), (service, method, cell)) \
             UNION ALL \
             SELECT 0, NULL, NULL, NULL, bucket, cell, calls, errors, micros FROM buckets), \
         counted AS (SELECT *, micros::float8 / calls / 1000 AS mean_ms, \
             sum(calls) OVER (same ORDER BY cell) AS up_to, sum(calls) OVER same AS total \
             FROM cells \
             WINDOW same AS (PARTITION BY grouping, transport, service, method, bucket)), \
         sums AS (SELECT grouping, transport, service || '/' || method AS operation, bucket, \
             max(total)::int8 AS calls, sum(errors)::int8 AS errors, \
             min(mean_ms) FILTER (WHERE up_to > floor(0.5 * (total - 1))) AS p50_floor, \
             min(mean_ms) FILTER (WHERE up_to > ceil(0.5 * (total - 1))) AS p50_ceil, \
             min(mean_ms) FILTER (WHERE up_to > floor(0.95 * (total - 1))) AS p95_floor, \
             min(mean_ms) FILTER (WHERE up_to > ceil(0.95 * (total - 1))) AS p95_ceil \
             FROM counted GROUP BY grouping, transport, service, method, bucket), \
         ranked AS (SELECT *, row_number() OVER (PARTITION BY grouping \
             ORDER BY calls DESC, transport, operation, bucket) AS rank FROM sums) \
         SELECT * FROM ranked WHERE rank <= 100 ORDER BY rank",
    );
    query
}

/// Appends the cells of all pieces, with the columns of a group before them; `columns` counts them and
/// the cell.
fn union(
    query: &mut QueryBuilder<Postgres>,
    filter: &Filter,
    pieces: &[Piece],
    columns: &str,
    group: impl Fn(&mut QueryBuilder<Postgres>, Source),
) {
    for (number, &Piece { source, span }) in pieces.iter().enumerate() {
        query.push(match number {
            0 => "SELECT ",
            _ => " UNION ALL SELECT ",
        });
        group(query, source);
        match source {
            Source::Calls => {
                query.push(format_args!(", {CELL}, {COUNTS} FROM calls"));
                conditions::push_within(filter, span, query);
                query.push(" GROUP BY ").push(columns);
            }
            _ => {
                let counts = match filter.errors_only {
                    true => SUMS_OF_ERRORS,
                    false => SUMS,
                };
                query.push(format_args!(", cell, {counts} FROM {}", source.table()));
                conditions::push_sums(filter, span, query);
            }
        }
    }
}

fn sum(row: &PgRow) -> Result<Sum, sqlx::Error> {
    let calls = row.try_get("calls")?;
    let percentile = |share, floor, ceil| {
        Ok::<_, sqlx::Error>(Percentile {
            share,
            floor: row.try_get(floor)?,
            ceil: row.try_get(ceil)?,
        })
    };
    Ok(Sum {
        calls,
        errors: row.try_get("errors")?,
        p50_ms: percentile(0.5, "p50_floor", "p50_ceil")?.interpolate(calls),
        p95_ms: percentile(0.95, "p95_floor", "p95_ceil")?.interpolate(calls),
    })
}
