-- Sums of all operations together by hour, for charts of long ranges: a twelfth of the rows of
-- calls_by_five_minutes.
CREATE TABLE all_calls_by_hour (LIKE calls_by_five_minutes INCLUDING ALL) WITH (fillfactor = 70);

CREATE FUNCTION sum_calls_by_hour() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO all_calls_by_hour AS sums
    SELECT date_bin('1 hour', at, '2001-01-01 00:00+00'),
        floor(ln(greatest(duration_ms, 0.001)) * 50), count(*), count(*) FILTER (WHERE status >= 400),
        sum(round(duration_ms * 1000)),
        coalesce(sum(round(duration_ms * 1000)) FILTER (WHERE status >= 400), 0)
    FROM written GROUP BY 1, 2 ORDER BY 1, 2
    ON CONFLICT (start, cell) DO UPDATE SET
        calls = sums.calls + excluded.calls, errors = sums.errors + excluded.errors,
        micros = sums.micros + excluded.micros,
        error_micros = sums.error_micros + excluded.error_micros;
    RETURN NULL;
END $$;

-- After sum_calls, by the order of their names: each writer adds to the tables in the same order. From
-- here on, writers wait for this migration.
CREATE TRIGGER sum_calls_by_hour AFTER INSERT ON calls
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION sum_calls_by_hour();
-- The table of calls from before the cutover may have been dropped.
DO $$
BEGIN
    IF to_regclass('call_logs') IS NOT NULL THEN
        CREATE TRIGGER sum_calls_by_hour AFTER INSERT ON call_logs
            REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION sum_calls_by_hour();
    END IF;
END $$;

-- The upkeep waits, too. It adds to both tables alike.
LOCK TABLE calls_by_five_minutes IN SHARE ROW EXCLUSIVE MODE;
INSERT INTO all_calls_by_hour
SELECT date_bin('1 hour', start, '2001-01-01 00:00+00'), cell, sum(calls), sum(errors), sum(micros),
    sum(error_micros)
FROM calls_by_five_minutes GROUP BY 1, 2;
