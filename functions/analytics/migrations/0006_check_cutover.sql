-- Reads all rows, while calls are written and read.
ALTER TABLE call_logs VALIDATE CONSTRAINT call_logs_cutover_check;
