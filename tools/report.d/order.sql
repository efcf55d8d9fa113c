-- SPDX-License-Identifier: MIT
--
-- Which runs there are, and in which order they stand; what Linux needs is imported afterwards.

CREATE TABLE run AS SELECT run, max(emulated) AS emulated,
	row_number() OVER (PARTITION BY max(emulated) ORDER BY run) - 1 AS nr
	FROM (SELECT run, env = 'tcg' AS emulated FROM results
		UNION ALL SELECT run, value = 'tcg' FROM machine WHERE key = 'env')
	GROUP BY run;
CREATE TABLE reference (release TEXT, other_cpus TEXT, sites INTEGER, p50_us INTEGER);
