-- SPDX-License-Identifier: MIT
INSERT INTO panel SELECT nr, run FROM runs;
INSERT INTO series VALUES (0, 'one change of all sites', 'dot');
-- Of the sizes two, and of the numbers of CPUs the largest; runs before 2026-11-30 have the size in the name.
CREATE TEMP VIEW changed AS SELECT *, bench GLOB '*-[0-9]' OR bench GLOB '*-[0-9][0-9]' OR bench GLOB
	'*-[0-9][0-9][0-9]' AS sized FROM measured WHERE suite = 'strategy' AND variant = 'change' AND p50 > 0;
CREATE TEMP TABLE drawn AS SELECT *, bench || CASE WHEN sized OR bench GLOB '*irqs-off*' THEN '' ELSE '-' || sites END
	AS shown FROM changed AS measured WHERE (sites IN (16, 256) OR sized)
	AND cpus = (SELECT max(cpus) FROM measured AS m WHERE m.run_nr = measured.run_nr
		AND m.suite = 'strategy' AND m.bench = measured.bench);
CREATE TEMP TABLE place AS SELECT shown, row_number() OVER (ORDER BY min(row)) - 1 AS y
	FROM drawn GROUP BY shown;
INSERT INTO figure SELECT run_nr, 0, y, shown, 'µs', n, kept, p50 / 1e3, low / 1e3, high / 1e3, drifted,
	p99 / 1e3, shown FROM drawn JOIN place USING (shown);
