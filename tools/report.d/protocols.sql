-- SPDX-License-Identifier: MIT
INSERT INTO panel SELECT nr, run FROM runs;
INSERT INTO series VALUES (0, 'one change of all sites', 'dot'),
	(1, 'what it took from another CPU', 'dot');
CREATE TEMP TABLE place AS SELECT bench, row_number() OVER (ORDER BY min(row)) - 1 AS y
	FROM measured WHERE suite = 'protocols' AND variant IN ('change', 'taken') AND p50 > 0
	GROUP BY bench;
INSERT INTO figure SELECT run_nr, variant = 'taken', y, bench || ', ' || variant, 'µs', n, kept,
	p50 / 1e3, low / 1e3, high / 1e3, drifted, p99 / 1e3, bench
	FROM measured JOIN place USING (bench)
	WHERE suite = 'protocols' AND variant IN ('change', 'taken') AND p50 > 0;

-- Counts run on from sample to sample, so their maximum is the total.
CREATE TEMP TABLE failed AS SELECT run_nr, run, bench, min(row) AS row,
	max(max) FILTER (WHERE variant = 'executed') AS executed,
	max(max) FILTER (WHERE variant = 'torn') AS torn,
	max(max) FILTER (WHERE variant = 'faults') AS faults,
	max(max) FILTER (WHERE variant = 'late') AS late
	FROM measured WHERE suite = 'protocols' AND unit = 'count' GROUP BY run_nr, run, bench;
INSERT INTO extra SELECT '<div class="wide-table"><table class="grid"><caption>' || run
	|| '</caption><thead><tr><th>way</th><th>executed</th><th>torn</th><th>faults</th><th>late</th>'
	|| '<th>per million</th></tr></thead><tbody>'
	|| group_concat(printf('<tr><th>%s</th><td>%,d</td><td class="%s">%,d</td><td class="%s">%,d</td>'
		|| '<td class="%s">%,d</td><td>%s</td></tr>', bench, executed,
		CASE torn WHEN 0 THEN 'none' ELSE 'heat-4' END, torn,
		CASE faults WHEN 0 THEN 'none' ELSE 'heat-4' END, faults,
		CASE late WHEN 0 THEN 'none' ELSE 'heat-4' END, late,
		CASE torn + faults WHEN 0 THEN printf('&lt; %.2g', 3e6 / executed)
			ELSE printf('%.3g', 1e6 * (torn + faults) / executed) END), '')
	|| '</tbody></table></div>'
	FROM (SELECT * FROM failed WHERE executed > 0 ORDER BY run_nr, row) GROUP BY run_nr, run;
