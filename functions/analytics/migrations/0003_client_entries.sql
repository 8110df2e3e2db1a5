-- Whether a client logged the call, rather than the service itself: a client may choose any
-- service, method and status. False for all entries of earlier versions, which didn't record it.
ALTER TABLE call_logs ADD COLUMN client boolean NOT NULL DEFAULT false;
