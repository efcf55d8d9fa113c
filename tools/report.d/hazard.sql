-- SPDX-License-Identifier: MIT
INSERT INTO panel SELECT nr, run FROM runs;
INSERT INTO saying VALUES ('executions', 'in the table: 95% interval of a count, if one execution is like another');

CREATE TEMP TABLE class AS SELECT column1 AS class, column2 AS ord FROM (VALUES ('within', 0), ('8', 1),
	('16', 2), ('32', 3), ('64', 4), ('page', 5));
-- Counts run on from sample to sample, so their maximum is the total.
CREATE TEMP TABLE cell AS SELECT e.run_nr, e.run, e.bench, class, ord, e.max AS executed, t.max AS torn,
	e.row - 2 * ord AS row
	FROM class JOIN measured AS e ON e.variant = 'executed-' || class
	JOIN measured AS t ON t.run = e.run AND t.suite = e.suite AND t.bench = e.bench
	AND t.variant = 'torn-' || class WHERE e.suite = 'hazard';
CREATE TEMP TABLE word AS SELECT column1 AS bench, column2 AS shown, column3 AS ord FROM (VALUES
	('store-1', '1-byte store', 0), ('store-2', '2-byte store', 1), ('store-4', '4-byte store', 2),
	('store-8', '8-byte store', 3), ('store-16', '16-byte store', 4),
	('no-sync2', 'protocol without SYNC #2', 5), ('phases', 'protocol by hand: must be 0', 6),
	('int3-batch', 'INT3 protocol: must be 0', 7));

-- The Poisson interval after Wilson and Hilferty; where none was seen, 3/n.
CREATE TEMP TABLE rate AS SELECT *, 1e6 * torn / executed AS per_million,
	CASE torn WHEN 0 THEN 0
		ELSE 1e6 / executed * torn * pow(1 - 1.0 / (9 * torn) - 1.96 / (3 * sqrt(torn)), 3) END AS low,
	1e6 / executed * CASE torn WHEN 0 THEN 3
		ELSE (torn + 1) * pow(1 - 1.0 / (9 * (torn + 1)) + 1.96 / (3 * sqrt(torn + 1)), 3) END AS high
	FROM cell WHERE executed > 0;
INSERT INTO figure SELECT run_nr, 0, 10 * coalesce(word.ord, 9) + rate.ord,
	coalesce(shown, bench) || CASE class WHEN 'within' THEN ', across nothing' WHEN 'page' THEN ', across pages'
	ELSE ', across ' || class || ' bytes' END, 'torn per million', executed, NULL, per_million, low, high,
	0, NULL, '' FROM rate LEFT JOIN word USING (bench);

CREATE TEMP VIEW shown AS SELECT *, printf('<td class="%s"><b>%s</b><br><small>of</small> %s</td>',
	CASE WHEN torn = 0 THEN 'none' WHEN per_million < 1 THEN 'heat-1' WHEN per_million < 10 THEN 'heat-2'
		WHEN per_million < 100 THEN 'heat-3' WHEN per_million < 1000 THEN 'heat-4' ELSE 'heat-5' END,
	CASE WHEN torn < 10000 THEN torn WHEN torn < 1e7 THEN ((torn + 500) / 1000) || 'k'
		ELSE ((torn + 500000) / 1000000) || 'M' END,
	CASE WHEN executed < 10000 THEN executed WHEN executed < 1e6 THEN ((executed + 500) / 1000) || 'k'
		ELSE printf('%.1fM', executed / 1e6) END) AS html FROM rate;
CREATE TEMP VIEW lines AS SELECT run_nr, run, bench,
	'<tr><th>' || coalesce(word.shown, bench) || '</th>' || (SELECT group_concat(coalesce(html, '<td>–</td>'), '')
		FROM (SELECT html FROM class LEFT JOIN shown ON shown.class = class.class AND shown.run = bench.run
		AND shown.bench = bench.bench ORDER BY class.ord)) || '</tr>' AS html, coalesce(word.ord, 9) AS ord
	FROM (SELECT DISTINCT run_nr, run, bench FROM rate) AS bench LEFT JOIN word USING (bench);
INSERT INTO extra SELECT '<div class="wide-table"><table class="grid"><caption>' || run
	|| ': executions that ran bytes of both forms</caption><thead><tr><th>across</th><th>nothing</th>'
	|| '<th>8</th><th>16</th><th>32</th><th>64</th><th>pages</th></tr></thead><tbody>'
	|| group_concat(html, '') || '</tbody></table></div>'
	FROM (SELECT * FROM lines ORDER BY run_nr, ord) GROUP BY run_nr, run;
