-- SPDX-License-Identifier: MIT
INSERT INTO panel SELECT nr, run FROM runs;
INSERT INTO series VALUES (0, 'to the form for one CPU', 'dot'), (1, 'and back', 'dot');
CREATE TEMP TABLE place AS SELECT bench, sites, row_number() OVER (ORDER BY min(row)) - 1 AS y FROM measured
	WHERE suite = 'switch' AND variant IN ('up', 'smp') AND unit = 'ns' AND sites > 0 AND p50 > 0
	GROUP BY bench, sites;
INSERT INTO figure SELECT run_nr, variant = 'smp', y, bench || ' ' || variant || ', ' || sites || ' LOCKs',
	'ns for each LOCK', n, kept, 1.0 * p50 / sites, 1.0 * low / sites, 1.0 * high / sites, drifted,
	1.0 * p99 / sites, bench FROM measured JOIN place USING (bench, sites)
	WHERE suite = 'switch' AND variant IN ('up', 'smp') AND unit = 'ns' AND p50 > 0;
