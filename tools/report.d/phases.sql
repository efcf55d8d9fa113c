-- SPDX-License-Identifier: MIT
CREATE TEMP TABLE place AS SELECT 'batch' AS bench, 0 AS nr, 'through the sites' AS words
	UNION ALL SELECT 'elsewhere', 1, 'elsewhere' UNION ALL SELECT 'idle', 2, 'no work';
CREATE TEMP TABLE shown AS SELECT DISTINCT run_nr, run, bench, dense_rank() OVER (ORDER BY run_nr, nr) - 1 AS p,
	words FROM measured JOIN place USING (bench) WHERE suite = 'poke' AND variant = 'sync1';
INSERT INTO panel SELECT p, CASE (SELECT count(*) FROM scope) WHEN 1 THEN '' ELSE run || ': ' END || words
	FROM shown;
INSERT INTO series VALUES (0, 'the three syncs', 'fill'), (1, 'queue: decode and check', 'fill'),
	(2, 'stores', 'fill'), (3, 'open and close the alias', 'fill');

CREATE TEMP TABLE phase AS SELECT 'sync1' AS variant, 0 AS s, 1 AS ord UNION ALL SELECT 'sync2', 0, 2
	UNION ALL SELECT 'sync3', 0, 3 UNION ALL SELECT 'queue', 1, 4 UNION ALL SELECT 'int3', 2, 5
	UNION ALL SELECT 'tail', 2, 6 UNION ALL SELECT 'head', 2, 7 UNION ALL SELECT 'open', 3, 8
	UNION ALL SELECT 'close', 3, 9;
-- tail: what lies below it in its bar.
INSERT INTO figure SELECT p, s, dense_rank() OVER (ORDER BY sites) - 1, variant || ', ' || sites || ' sites', 'µs', n, kept, p50 / 1e3,
	low / 1e3, high / 1e3, drifted,
	(sum(p50) OVER (PARTITION BY p, sites ORDER BY phase.ord) - p50) / 1e3,
	sites
	FROM measured JOIN shown USING (run_nr, bench) JOIN phase USING (variant) WHERE suite = 'poke';
INSERT INTO series SELECT 4, 'the whole batch, median and interval', 'dot ink' FROM figure LIMIT 1;
INSERT INTO figure SELECT p, 4, dense_rank() OVER (ORDER BY sites) - 1, 'the whole, ' || sites || ' sites', 'µs', n, kept, p50 / 1e3, low / 1e3,
	high / 1e3, drifted, NULL, sites
	FROM measured JOIN shown USING (run_nr, bench) WHERE suite = 'poke' AND variant = 'total';
