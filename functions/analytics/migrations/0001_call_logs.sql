-- The call log: one row for every call over every transport. Rows are written once and
-- never changed.
CREATE TABLE call_logs (
    -- The entry's own id, given by whoever logged the call, or derived from where its
    -- record lies in its topic. Records are delivered at least once: the key makes the
    -- second delivery a no-op. Writers should take UUIDv7, which fills the index from its
    -- right edge; random ids touch a cold page each once the index outgrows memory.
    id uuid NOT NULL,
    -- When the call ended.
    at timestamptz NOT NULL,
    -- How long it took, in milliseconds.
    duration_ms double precision NOT NULL,
    -- The caller; null where there was no valid token. 16 bytes, where text takes 37.
    user_id uuid,
    -- The W3C trace id. It is 128 bits too, and Postgres reads its 32 digits without
    -- hyphens as well: WHERE trace_id = '4bf92f3577b34da6a3ce929d0e0e4736' works.
    trace_id uuid,
    -- The HTTP status, or its equal on the other transports; 0 where not known.
    status smallint NOT NULL,
    -- Names of a small vocabulary, compared for equality and never shown in a locale's
    -- order: "C" compares bytes, on every installation alike. Text with a check rather
    -- than an enum type, which can't lose a value again and needs its own migrations.
    transport text COLLATE "C" NOT NULL,
    service text COLLATE "C" NOT NULL,
    method text COLLATE "C" NOT NULL,

    CONSTRAINT call_logs_pkey PRIMARY KEY (id),
    -- The service checks all of this first and says it in words; these hold for any writer.
    CONSTRAINT call_logs_transport_check CHECK (transport IN ('rest', 'grpc', 'events')),
    CONSTRAINT call_logs_service_check CHECK (char_length(service) BETWEEN 1 AND 64),
    CONSTRAINT call_logs_method_check CHECK (char_length(method) BETWEEN 1 AND 128),
    CONSTRAINT call_logs_status_check CHECK (status = 0 OR status BETWEEN 100 AND 599),
    -- NaN counts as greater than every number, so the upper bound keeps it out.
    CONSTRAINT call_logs_duration_ms_check CHECK (duration_ms BETWEEN 0 AND 86400000)
);

-- Reading, newest first: the page's order and its key, read backwards from the cursor.
-- Calls arrive about in the order of their time, so it grows at its right edge, cheaply.
-- A BRIN index on `at` would be a thousandth of the size and serve the totals' ranges, but
-- it has no order, so it can't serve pages; with this index there it would add nothing.
CREATE INDEX call_logs_at_id_idx ON call_logs (at, id);

-- Failures are rare, and they are what is looked for: without this, the newest fifty of
-- them are a walk through all the successes between. It costs a write only for a failure.
CREATE INDEX call_logs_failures_idx ON call_logs (at, id) WHERE status >= 400;

-- There is no index by service and method. It would find the entries of a rare operation at
-- once, and it was measured to take a third of the rate at which batches are written, and
-- more room than the primary key. Without it such a read passes over about 15 million
-- entries a second, and `since` bounds how many that are.
