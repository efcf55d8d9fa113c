-- SPDX-License-Identifier: MIT
--
-- What is wrong with a run whose files are the tables r, s and m, all text: the table wrong, one row
-- for each row that cannot be believed. kind: what is said once, however many rows it is true of.
-- Rows that are empty were no rows in their file, and that has been said already.

DELETE FROM r WHERE schema = '' AND suite = '' AND status = '';
DELETE FROM s WHERE schema = '' AND row = '' AND value = '';
DELETE FROM m WHERE schema = '' AND key = '';

CREATE TABLE this AS SELECT coalesce((SELECT run FROM m LIMIT 1), (SELECT run FROM r LIMIT 1), '') AS run;
CREATE TABLE wrong (file TEXT, id INTEGER, kind INTEGER, why TEXT);

INSERT INTO wrong SELECT 'results', rowid, 1, '"' || value || '" is no number, in column ' || name FROM (
	SELECT rowid, 'cpus' AS name, cpus AS value FROM r UNION ALL
	SELECT rowid, 'sites', sites FROM r UNION ALL SELECT rowid, 'n', n FROM r UNION ALL
	SELECT rowid, 'min', min FROM r UNION ALL SELECT rowid, 'p50', p50 FROM r UNION ALL
	SELECT rowid, 'p90', p90 FROM r UNION ALL SELECT rowid, 'p99', p99 FROM r UNION ALL
	SELECT rowid, 'p999', p999 FROM r UNION ALL SELECT rowid, 'max', max FROM r UNION ALL
	SELECT rowid, 'mad', mad FROM r UNION ALL SELECT rowid, 'floor', floor FROM r UNION ALL
	SELECT rowid, 'violations', violations FROM r UNION ALL
	SELECT rowid, 'smis', smis FROM r UNION ALL SELECT rowid, 'gap_ns', gap_ns FROM r UNION ALL
	SELECT rowid, 'switches', switches FROM r UNION ALL
	SELECT rowid, 'ratio_begin', ratio_begin FROM r UNION ALL
	SELECT rowid, 'ratio_end', ratio_end FROM r UNION ALL
	-- The one that may be below 0.
	SELECT rowid, 'cancelled', ltrim(substr(cancelled, 1, 1), '-') || substr(cancelled, 2) FROM r)
	WHERE value GLOB '*[^0-9]*' OR length(value) > 18;
INSERT INTO wrong SELECT 'results', rowid, 2, 'ok without figures' FROM r
	WHERE status = 'ok' AND '' IN (cpus, sites, n, p50);
INSERT INTO wrong SELECT 'results', rowid, 3, 'status "' || status || '" is unknown' FROM r
	WHERE status NOT IN ('ok', 'fail', 'skip', 'hang');
INSERT INTO wrong SELECT 'results', r.rowid, 4, 'run ' || r.run || ', not ' || this.run FROM r, this
	WHERE r.run <> this.run;
-- Names go into programs of other tools, so they must be nothing but names.
INSERT INTO wrong SELECT 'results', rowid, 5, '"' || value || '" is no name, in column ' || name FROM (
	SELECT rowid, 'run' AS name, run AS value FROM r UNION ALL
	SELECT rowid, 'suite', suite FROM r UNION ALL SELECT rowid, 'bench', bench FROM r UNION ALL
	SELECT rowid, 'variant', variant FROM r UNION ALL SELECT rowid, 'unit', unit FROM r UNION ALL
	SELECT rowid, 'env', env FROM r) WHERE value = '' OR value GLOB '*[^A-Za-z0-9._:+/=-]*';
INSERT INTO wrong SELECT 'samples', rowid, 6, 'no sample: ' || row || ',' || i || ',' || value FROM s
	WHERE row || i || value GLOB '*[^0-9]*' OR '' IN (row, i, value) OR length(value) > 18;
INSERT INTO wrong SELECT 'samples', max(rowid), 7, 'sample ' || i || ' of row ' || row || ' a second time'
	FROM s GROUP BY CAST(row AS INTEGER), CAST(i AS INTEGER) HAVING count(*) > 1;
INSERT INTO wrong SELECT 'machine', max(rowid), 8, key || ' a second time' FROM m
	GROUP BY key HAVING count(*) > 1;
INSERT INTO wrong SELECT file, id, 9, 'schema ' || schema || ', and only 1 is known' FROM (
	SELECT 'results' AS file, rowid AS id, schema FROM r UNION ALL
	SELECT 'samples', rowid, schema FROM s UNION ALL SELECT 'machine', rowid, schema FROM m)
	WHERE schema NOT IN ('1', '');
