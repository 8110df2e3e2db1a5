-- Durations are written in whole microseconds since this version. Rows of earlier versions may
-- have any number, and totals over numbers close to 0 failed with an underflow. Longer durations
-- keep their digits: rounding them would rewrite the whole table.
UPDATE call_logs SET duration_ms = 0 WHERE duration_ms > 0 AND duration_ms < 0.001;
