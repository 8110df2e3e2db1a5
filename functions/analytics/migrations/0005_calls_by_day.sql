-- Calls are kept in partitions by day, which are dropped as a whole, and counted in sums by hour and
-- day, from which totals are computed.
--
-- The partitioned table has a name of its own. The functions of earlier versions insert with
-- ON CONFLICT (id), for which a table partitioned by time can't have the unique index. Until the
-- cutover, which is a day or two away, all calls stay in call_logs, one partition of the new table:
-- functions of both versions write there, and read each other's calls. After it, what an earlier
-- version writes is redirected, and it no longer reads new calls. An installation without calls is
-- cut over at once.
--
-- The migration doesn't read the rows, and waits only for transactions that are using the table. The
-- sums of existing rows are added later, in steps (src/upkeep/).

CREATE TABLE calls (LIKE call_logs INCLUDING DEFAULTS INCLUDING CONSTRAINTS) PARTITION BY RANGE (at);

-- Calls of days that have no partition: from a clock that was never set, or of days for which none was
-- created in time. The partitions of days are copies of it.
--
-- The key is by time first, so that it serves pages, too, in place of a second index. A call that is
-- delivered again has the same time; calls without a time of their own are in call_claims.
CREATE TABLE calls_other (LIKE calls INCLUDING DEFAULTS INCLUDING CONSTRAINTS, PRIMARY KEY (at, id));
-- The same as on call_logs, for the same reasons.
CREATE INDEX calls_other_failures_idx ON calls_other (at, id) WHERE status >= 400;
CREATE INDEX calls_other_user_idx ON calls_other (user_id, at, id) WHERE user_id IS NOT NULL;
ALTER TABLE calls ATTACH PARTITION calls_other DEFAULT;

-- The ids of calls whose record has no time that is the same in each delivery: the first delivery
-- claims the id.
CREATE TABLE call_claims (
    id uuid NOT NULL PRIMARY KEY,
    at timestamptz NOT NULL
);
CREATE INDEX call_claims_at_idx ON call_claims (at);

-- Calls with the same operation, time and duration (in steps of 2 %). Rows of the current hour are
-- updated with each batch; free room in their pages keeps the updates out of the index.
CREATE TABLE operations_by_hour (
    start timestamptz NOT NULL,
    transport text COLLATE "C" NOT NULL,
    service text COLLATE "C" NOT NULL,
    method text COLLATE "C" NOT NULL,
    -- floor(ln(ms) * 50)
    cell smallint NOT NULL,
    calls bigint NOT NULL,
    -- Those of them with a status from 400.
    errors bigint NOT NULL,
    -- Durations in microseconds: whole numbers, of which any order has the same sum.
    micros bigint NOT NULL,
    error_micros bigint NOT NULL,
    PRIMARY KEY (start, transport, service, method, cell)
) WITH (fillfactor = 70);

-- The same by day, for long ranges: a thirtieth of the rows.
CREATE TABLE operations_by_day (LIKE operations_by_hour INCLUDING ALL) WITH (fillfactor = 70);

-- Calls of all operations together, for charts.
CREATE TABLE calls_by_five_minutes (
    start timestamptz NOT NULL,
    cell smallint NOT NULL,
    calls bigint NOT NULL,
    errors bigint NOT NULL,
    micros bigint NOT NULL,
    error_micros bigint NOT NULL,
    PRIMARY KEY (start, cell)
) WITH (fillfactor = 70);

-- The same by hour, for charts of long ranges.
CREATE TABLE calls_by_hour (LIKE calls_by_five_minutes INCLUDING ALL) WITH (fillfactor = 70);

-- Adds the calls of a statement to the sums, each table in the order of its key against deadlocks.
-- A trigger does it, so that the sums are right whoever writes, functions of earlier versions too.
CREATE FUNCTION sum_calls() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO operations_by_hour AS sums
    SELECT date_bin('1 hour', at, '2001-01-01 00:00+00'), transport, service, method,
        floor(ln(greatest(duration_ms, 0.001)) * 50), count(*), count(*) FILTER (WHERE status >= 400),
        sum(round(duration_ms * 1000)),
        coalesce(sum(round(duration_ms * 1000)) FILTER (WHERE status >= 400), 0)
    FROM written GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
    ON CONFLICT (start, transport, service, method, cell) DO UPDATE SET
        calls = sums.calls + excluded.calls, errors = sums.errors + excluded.errors,
        micros = sums.micros + excluded.micros,
        error_micros = sums.error_micros + excluded.error_micros;

    INSERT INTO operations_by_day AS sums
    SELECT date_bin('1 day', at, '2001-01-01 00:00+00'), transport, service, method,
        floor(ln(greatest(duration_ms, 0.001)) * 50), count(*), count(*) FILTER (WHERE status >= 400),
        sum(round(duration_ms * 1000)),
        coalesce(sum(round(duration_ms * 1000)) FILTER (WHERE status >= 400), 0)
    FROM written GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
    ON CONFLICT (start, transport, service, method, cell) DO UPDATE SET
        calls = sums.calls + excluded.calls, errors = sums.errors + excluded.errors,
        micros = sums.micros + excluded.micros,
        error_micros = sums.error_micros + excluded.error_micros;

    INSERT INTO calls_by_five_minutes AS sums
    SELECT date_bin('5 minutes', at, '2001-01-01 00:00+00'),
        floor(ln(greatest(duration_ms, 0.001)) * 50), count(*), count(*) FILTER (WHERE status >= 400),
        sum(round(duration_ms * 1000)),
        coalesce(sum(round(duration_ms * 1000)) FILTER (WHERE status >= 400), 0)
    FROM written GROUP BY 1, 2 ORDER BY 1, 2
    ON CONFLICT (start, cell) DO UPDATE SET
        calls = sums.calls + excluded.calls, errors = sums.errors + excluded.errors,
        micros = sums.micros + excluded.micros,
        error_micros = sums.error_micros + excluded.error_micros;

    INSERT INTO calls_by_hour AS sums
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

CREATE TRIGGER sum_calls AFTER INSERT ON calls
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION sum_calls();
CREATE TRIGGER sum_calls AFTER INSERT ON call_logs
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION sum_calls();

CREATE FUNCTION redirect_call() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO calls (id, at, duration_ms, user_id, trace_id, status, transport, service, method, client)
    VALUES (NEW.id, NEW.at, NEW.duration_ms, NEW.user_id, NEW.trace_id, NEW.status, NEW.transport,
        NEW.service, NEW.method, NEW.client)
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;

-- One row.
CREATE TABLE calls_state (
    singleton boolean NOT NULL DEFAULT true PRIMARY KEY CHECK (singleton),
    -- From here on, calls are in the partitions of their days; earlier ones are in call_logs.
    cutover timestamptz NOT NULL,
    -- The sums have all calls from here on; -infinity once those of existing rows are added.
    summed_from timestamptz NOT NULL
);

DO $$
DECLARE
    is_empty boolean := NOT EXISTS (SELECT FROM call_logs);
    today timestamptz := date_bin('1 day', now(), '2001-01-01 00:00+00');
    cutover timestamptz := CASE WHEN is_empty THEN today ELSE today + interval '48 hours' END;
    -- No call is of a later time than five minutes from now.
    summed_from timestamptz := CASE WHEN is_empty THEN '-infinity'
        ELSE date_bin('1 hour', now() + interval '66 minutes', '2001-01-01 00:00+00') END;
BEGIN
    INSERT INTO calls_state (cutover, summed_from) VALUES (cutover, summed_from);
    -- Validated by the next migration, without a lock.
    EXECUTE format('ALTER TABLE call_logs ADD CONSTRAINT call_logs_cutover_check CHECK (at < %L) NOT VALID',
        cutover);
    EXECUTE format('CREATE TRIGGER redirect_call BEFORE INSERT ON call_logs FOR EACH ROW '
        'WHEN (NEW.at >= %L) EXECUTE FUNCTION redirect_call()', cutover);
END $$;
