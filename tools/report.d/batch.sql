-- SPDX-License-Identifier: MIT
INSERT INTO panel SELECT nr, run FROM runs;
INSERT INTO series VALUES (0, 'the other CPUs run through the sites', 'line'),
	(1, 'run elsewhere', 'line'), (2, 'have no work', 'line'),
	(3, 'what no patcher could avoid, for each of the three', 'dash soft'), (4, '', ''), (5, '', ''),
	(6, 'Linux 7.3.4 under the same emulator, through the sites', 'dash'),
	(7, 'Linux, elsewhere', 'dash');

CREATE TEMP TABLE place AS SELECT 'batch' AS bench, 0 AS nr, 'through the sites' AS words
	UNION ALL SELECT 'elsewhere', 1, 'elsewhere' UNION ALL SELECT 'idle', 2, 'no work';
INSERT INTO figure SELECT run_nr, nr, sites, words || ', ' || sites || ' sites', 'µs', n, kept, p50 / 1e3,
	low / 1e3, high / 1e3, drifted, p99 / 1e3, ''
	FROM measured JOIN place USING (bench) WHERE suite = 'poke' AND variant = 'total';
INSERT INTO figure SELECT run_nr, nr + 3, sites, words || ', ' || sites || ' sites: the floor', 'µs', n, NULL,
	floor / 1e3, NULL, NULL, 0, NULL, ''
	FROM measured JOIN place USING (bench)
	WHERE suite = 'poke' AND variant = 'total' AND floor IS NOT NULL;
-- It was measured under TCG, and says nothing of silicon.
INSERT INTO figure SELECT panel.nr, CASE other_cpus WHEN 'batch' THEN 6 ELSE 7 END, sites,
	'Linux ' || release || ', ' || other_cpus || ', ' || sites || ' sites', 'µs', NULL, NULL,
	CAST(p50_us AS REAL), NULL, NULL, 0, NULL, ''
	FROM reference JOIN panel WHERE EXISTS (SELECT 1 FROM figure)
	AND (SELECT min(emulated) FROM scope) = 1;
INSERT INTO extra SELECT '<p class="note">Linux ' || max(release) || ' in the same emulator, on another machine: its own patcher, '
	|| 'which opens and closes a temporary address space for each write. Its medians stand in '
	|| '<code>results/linux-7.3.4-tcg.csv</code>.</p>' FROM reference WHERE EXISTS (SELECT 1 FROM figure WHERE series >= 6);
DELETE FROM series WHERE nr >= 6 AND (SELECT min(emulated) FROM scope) = 0;
