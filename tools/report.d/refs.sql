-- SPDX-License-Identifier: MIT
INSERT INTO panel VALUES (0, 'all runs');
INSERT INTO series VALUES (0, 'a reference of each CPU''s own', 'line'), (1, 'one for all', 'line'),
	(2, 'a whole trap, own', 'line'), (3, 'a whole trap, one for all', 'line');
INSERT INTO figure SELECT 0, CASE bench WHEN 'refs-own' THEN 0 WHEN 'refs-shared' THEN 1
	WHEN 'storm-own' THEN 2 ELSE 3 END, cpus, run || ': ' || bench || ', ' || cpus || ' CPUs', 'ticks', n,
	kept, p50 / 1e3, low / 1e3, high / 1e3, drifted, p99 / 1e3, ''
	FROM measured WHERE suite = 'int3' AND p50 > 0 AND (bench, variant) IN (VALUES
	('refs-own', 'get-put'), ('refs-shared', 'get-put'), ('storm-own', 'trap'), ('storm-shared', 'trap'));
