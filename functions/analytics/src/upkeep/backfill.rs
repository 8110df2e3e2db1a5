//! Adding calls to the sums that were written before there were sums.

use sqlx::{Connection as _, PgConnection};
use time::OffsetDateTime;
use tokio::time::Instant;

use super::UpkeepError;

/// Adds to the sums of an hour and its day what they lack.
///
/// One statement sees calls and sums of the same moment, and each writer adds both in one transaction,
/// so the difference is what was never added. It is right however often it runs, next to writers too:
/// they add to the same rows, before or after.
///
/// The hours are locked before the days, as by writers: the days' rows depend on the hours' count.
const HOUR: &str = "\
WITH missing AS (\
    SELECT transport, service, method, cell, sum(calls) AS calls, sum(errors) AS errors, \
        sum(micros) AS micros, sum(error_micros) AS error_micros FROM (\
        SELECT transport, service, method, floor(ln(greatest(duration_ms, 0.001)) * 50)::int2 AS cell, \
            count(*) AS calls, count(*) FILTER (WHERE status >= 400) AS errors, \
            sum(round(duration_ms * 1000))::int8 AS micros, \
            coalesce(sum(round(duration_ms * 1000)) FILTER (WHERE status >= 400), 0)::int8 \
                AS error_micros \
        FROM calls WHERE at >= $1 AND at < $1 + interval '1 hour' GROUP BY 1, 2, 3, 4 \
        UNION ALL \
        SELECT transport, service, method, cell, -calls, -errors, -micros, -error_micros \
        FROM operations_by_hour WHERE start = $1) AS counted \
    GROUP BY 1, 2, 3, 4 \
    HAVING sum(calls) <> 0 OR sum(errors) <> 0 OR sum(micros) <> 0 OR sum(error_micros) <> 0), \
added AS (\
    INSERT INTO operations_by_hour AS sums \
    SELECT $1, transport, service, method, cell, calls, errors, micros, error_micros FROM missing \
    ORDER BY 1, 2, 3, 4, 5 \
    ON CONFLICT (start, transport, service, method, cell) DO UPDATE SET \
        calls = sums.calls + excluded.calls, errors = sums.errors + excluded.errors, \
        micros = sums.micros + excluded.micros, \
        error_micros = sums.error_micros + excluded.error_micros \
    RETURNING 1) \
INSERT INTO operations_by_day AS sums \
SELECT date_bin('1 day', $1, '2001-01-01 00:00+00'), transport, service, method, cell, calls, errors, \
    micros, error_micros FROM missing WHERE (SELECT count(*) FROM added) > 0 \
ORDER BY 1, 2, 3, 4, 5 \
ON CONFLICT (start, transport, service, method, cell) DO UPDATE SET \
    calls = sums.calls + excluded.calls, errors = sums.errors + excluded.errors, \
    micros = sums.micros + excluded.micros, \
    error_micros = sums.error_micros + excluded.error_micros";

/// The same for all operations together: for the five minutes of the hour, and for the hour.
const ALL_OPERATIONS: &str = "\
WITH missing AS (\
    SELECT start, cell, sum(calls) AS calls, sum(errors) AS errors, sum(micros) AS micros, \
        sum(error_micros) AS error_micros FROM (\
        SELECT date_bin('5 minutes', at, '2001-01-01 00:00+00') AS start, \
            floor(ln(greatest(duration_ms, 0.001)) * 50)::int2 AS cell, \
            count(*) AS calls, count(*) FILTER (WHERE status >= 400) AS errors, \
            sum(round(duration_ms * 1000))::int8 AS micros, \
            coalesce(sum(round(duration_ms * 1000)) FILTER (WHERE status >= 400), 0)::int8 \
                AS error_micros \
        FROM calls WHERE at >= $1 AND at < $1 + interval '1 hour' GROUP BY 1, 2 \
        UNION ALL \
        SELECT start, cell, -calls, -errors, -micros, -error_micros FROM calls_by_five_minutes \
        WHERE start >= $1 AND start < $1 + interval '1 hour') AS counted \
    GROUP BY 1, 2 \
    HAVING sum(calls) <> 0 OR sum(errors) <> 0 OR sum(micros) <> 0 OR sum(error_micros) <> 0), \
added AS (\
    INSERT INTO calls_by_five_minutes AS sums \
    SELECT start, cell, calls, errors, micros, error_micros FROM missing ORDER BY 1, 2 \
    ON CONFLICT (start, cell) DO UPDATE SET \
        calls = sums.calls + excluded.calls, errors = sums.errors + excluded.errors, \
        micros = sums.micros + excluded.micros, \
        error_micros = sums.error_micros + excluded.error_micros \
    RETURNING 1) \
INSERT INTO calls_by_hour AS sums \
SELECT $1, cell, sum(calls), sum(errors), sum(micros), sum(error_micros) FROM missing \
WHERE (SELECT count(*) FROM added) > 0 \
GROUP BY cell ORDER BY cell \
ON CONFLICT (start, cell) DO UPDATE SET \
    calls = sums.calls + excluded.calls, errors = sums.errors + excluded.errors, \
    micros = sums.micros + excluded.micros, \
    error_micros = sums.error_micros + excluded.error_micros";

/// The hour of the last call before the sums begin; none if there is nothing left to add.
const NEXT: &str = "\
SELECT date_bin('1 hour', (SELECT max(at) FROM calls WHERE at < summed_from AND at >= $1), \
    '2001-01-01 00:00+00') \
FROM calls_state WHERE summed_from > '-infinity'";

/// Adds hour by hour, backwards from the newest, and returns how many hours, and whether the sums now
/// have all calls. Calls before `first_day` aren't added, since they are being deleted.
pub(super) async fn run(
    connection: &mut PgConnection,
    first_day: OffsetDateTime,
    deadline: Instant,
) -> Result<(u64, bool), UpkeepError> {
    let mut hours = 0;
    while Instant::now() < deadline {
        let hour: Option<Option<OffsetDateTime>> = sqlx::query_scalar(NEXT)
            .bind(first_day)
            .fetch_optional(&mut *connection)
            .await?;
        match hour {
            None => return Ok((hours, true)),
            Some(None) => {
                sqlx::query("UPDATE calls_state SET summed_from = '-infinity'")
                    .execute(&mut *connection)
                    .await?;
                return Ok((hours, true));
            }
            Some(Some(hour)) => {
                let mut transaction = connection.begin().await?;
                for statement in [
                    HOUR,
                    ALL_OPERATIONS,
                    "UPDATE calls_state SET summed_from = $1",
                ] {
                    sqlx::query(statement)
                        .bind(hour)
                        .execute(&mut *transaction)
                        .await?;
                }
                transaction.commit().await?;
                hours += 1;
            }
        }
    }
    Ok((hours, false))
}
