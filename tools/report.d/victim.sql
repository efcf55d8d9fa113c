-- SPDX-License-Identifier: MIT
CREATE TEMP TABLE batch AS SELECT *, substr(bench, 1, 7) = 'in-code' AS inside,
	dense_rank() OVER (ORDER BY sites) - 1 AS s
	FROM measured WHERE suite = 'victim' AND variant IN ('taken', 'quiet') AND sites > 0;
INSERT INTO panel SELECT 2 * nr + 1 - inside, CASE (SELECT count(*) FROM scope) WHEN 1 THEN '' ELSE run || ': ' END
	|| CASE inside WHEN 1 THEN 'through the sites' ELSE 'elsewhere' END
	FROM runs, (SELECT 0 AS inside UNION ALL SELECT 1);
INSERT INTO series SELECT DISTINCT s, sites || CASE sites WHEN 1 THEN ' site' ELSE ' sites' END || ' patched', 'line'
	FROM batch WHERE s < 4;
INSERT INTO series SELECT s, CASE s WHEN 4 THEN 'nobody patches, for as long' ELSE '' END, 'dash soft'
	FROM (SELECT DISTINCT s + 4 AS s FROM batch WHERE s < 4);
INSERT INTO distribution SELECT 2 * run_nr + 1 - inside, s + 4 * (variant = 'quiet'), run, row,
	bench || ', ' || variant, 'µs' FROM batch WHERE s < 4;
