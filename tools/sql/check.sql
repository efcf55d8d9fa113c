-- SPDX-License-Identifier: MIT
--
-- What is wrong with a run whose files are the tables r, s and m, all text: one line each.

SELECT 'results.csv:' || (rowid + 1) || ': "' || value || '" is no number, in column ' || name FROM (
	SELECT rowid, 'cpus' AS name, cpus AS value FROM r UNION ALL
	SELECT rowid, 'sites', sites FROM r UNION ALL SELECT rowid, 'n', n FROM r UNION ALL
	SELECT rowid, 'min', min FROM r UNION ALL SELECT rowid, 'p50', p50 FROM r UNION ALL
	SELECT rowid, 'p90', p90 FROM r UNION ALL SELECT rowid, 'p99', p99 FROM r UNION ALL
	SELECT rowid, 'p999', p999 FROM r UNION ALL SELECT rowid, 'max', max FROM r UNION ALL
	SELECT rowid, 'mad', mad FROM r UNION ALL SELECT rowid, 'floor', floor FROM r UNION ALL
	SELECT rowid, 'violations', violations FROM r) WHERE value GLOB '*[^0-9]*' ORDER BY rowid LIMIT 1;
SELECT 'results.csv:' || (rowid + 1) || ': ok without figures' FROM r
	WHERE status = 'ok' AND '' IN (cpus, sites, n, p50) LIMIT 1;
SELECT 'results.csv:' || (rowid + 1) || ': status "' || status || '" is unknown' FROM r
	WHERE status NOT IN ('ok', 'fail', 'skip', 'hang') LIMIT 1;
SELECT 'results.csv:' || (rowid + 1) || ': run ' || run || ', not ' || (SELECT run FROM m) FROM r
	WHERE run <> (SELECT run FROM m) LIMIT 1;
SELECT 'samples.csv:' || (rowid + 1) || ': no sample: ' || row || ',' || i || ',' || value FROM s
	WHERE row || i || value GLOB '*[^0-9]*' OR '' IN (row, i, value) LIMIT 1;
SELECT 'machine.csv:' || (max(rowid) + 1) || ': ' || key || ' a second time' FROM m
	GROUP BY key HAVING count(*) > 1 LIMIT 1;
