-- SPDX-License-Identifier: MIT
INSERT INTO panel SELECT nr, run FROM runs;
INSERT INTO series VALUES (0, 'one change of all sites', 'dot');
CREATE TEMP TABLE place AS SELECT bench, row_number() OVER (ORDER BY min(row)) - 1 AS y
	FROM measured WHERE suite = 'strategy' AND variant = 'change' AND p50 > 0 GROUP BY bench;
INSERT INTO figure SELECT run_nr, 0, y, bench, 'µs', n, kept, p50 / 1e3, low / 1e3, high / 1e3, drifted,
	p99 / 1e3, bench FROM measured JOIN place USING (bench)
	WHERE suite = 'strategy' AND variant = 'change' AND p50 > 0;
