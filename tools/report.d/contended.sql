-- SPDX-License-Identifier: MIT
INSERT INTO panel VALUES (0, 'all runs');
CREATE TEMP TABLE place AS SELECT bench, row_number() OVER (ORDER BY min(row)) - 1 AS s FROM measured
	WHERE suite = 'primitives' AND variant = 'contended' AND p50 > 0 GROUP BY bench;
INSERT INTO series SELECT s, replace(bench, '-contended', ''), 'line' FROM place WHERE s < 10;
INSERT INTO figure SELECT 0, s, cpus, run || ': ' || bench || ', ' || cpus || ' CPUs', 'ticks', n, kept,
	p50 / 1e3, low / 1e3, high / 1e3, drifted, p99 / 1e3, ''
	FROM measured JOIN place USING (bench)
	WHERE suite = 'primitives' AND variant = 'contended' AND p50 > 0;
-- On one CPU, where nobody wants it: what the curves begin with.
INSERT INTO figure SELECT 0, s, 1, run || ': ' || place.bench || ', alone', 'ticks', n, kept, p50 / 1e3,
	low / 1e3, high / 1e3, drifted, p99 / 1e3, ''
	FROM measured JOIN place ON place.bench = measured.bench || '-contended'
	WHERE suite = 'primitives' AND variant = 'smp' AND p50 > 0;
