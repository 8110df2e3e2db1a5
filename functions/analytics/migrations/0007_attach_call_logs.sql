-- The existing rows become the partition of the time before the cutover. The check shows that they
-- belong there, so they aren't read again.
DO $$
DECLARE
    cutover timestamptz := (SELECT state.cutover FROM calls_state AS state);
BEGIN
    EXECUTE format('ALTER TABLE calls ATTACH PARTITION call_logs FOR VALUES FROM (MINVALUE) TO (%L)', cutover);
END $$;
