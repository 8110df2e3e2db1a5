-- A user's own calls, page by page.
CREATE INDEX call_logs_user_idx ON call_logs (user_id, at, id) WHERE user_id IS NOT NULL;
