-- SPDX-License-Identifier: MIT
INSERT INTO panel SELECT nr, run FROM runs;
INSERT INTO series SELECT 0, CASE suite WHEN 'lock' THEN 'one line: each waits for the one before'
	ELSE 'one object again and again' END, 'dot' FROM subject;
INSERT INTO series SELECT 1, CASE suite WHEN 'lock' THEN 'eight lines: they could overlap'
	ELSE 'eight objects in turn' END, 'dot' FROM subject;
INSERT INTO series VALUES (2, 'lines that another CPU holds', 'dot');

-- Which variants stand for the forms with LOCK and without.
CREATE TEMP TABLE pair AS SELECT 'lock' AS smp, '3e' AS up, -1 AS kind UNION ALL SELECT 'smp', 'up', 0
	UNION ALL SELECT 'smp-8', 'up-8', 1;
CREATE TEMP TABLE gain AS SELECT l.run_nr, l.bench, l.row,
	CASE WHEN kind >= 0 THEN kind WHEN l.bench LIKE '%-1line' THEN 0 WHEN l.bench LIKE '%-8lines' THEN 1
		WHEN l.bench LIKE '%-held' THEN 2 ELSE 0 END AS kind,
	replace(replace(replace(l.bench, '-1line', ''), '-8lines', ''), '-held', '') AS name,
	min(l.n, u.n) AS n, min(l.kept, u.kept) AS kept, 1.0 * l.p50 / u.p50 AS value,
	1.0 * l.low_97 / u.high_97 AS low, 1.0 * l.high_97 / u.low_97 AS high,
	l.drifted OR u.drifted AS drifted
	FROM measured AS l JOIN pair ON l.variant = pair.smp JOIN measured AS u
	ON u.variant = pair.up AND u.run = l.run AND u.suite = l.suite AND u.bench = l.bench
	AND u.sites = l.sites AND u.cpus = l.cpus AND u.unit = l.unit
	WHERE l.suite = (SELECT suite FROM subject) AND l.bench NOT LIKE '%bit%-%' AND u.p50 > 0 AND coalesce(u.low_97, 1) > 0;
-- The same order in every panel: that of the first run that has it.
CREATE TEMP TABLE place AS SELECT name, row_number() OVER (ORDER BY min(row)) - 1 AS y
	FROM gain GROUP BY name;
DELETE FROM series WHERE nr > (SELECT max(kind) FROM gain);
INSERT INTO figure SELECT run_nr, kind, y, bench || CASE WHEN kind = 1 AND bench = name THEN ', eight in turn'
	ELSE '' END || ', with LOCK over without', 'times', n, kept, value, low, high, drifted, NULL, name
	FROM gain JOIN place USING (name);
