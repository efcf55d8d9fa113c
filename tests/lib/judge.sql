-- SPDX-License-Identifier: MIT
--
-- Judges one run. Tables: r results.csv, s samples.csv, m machine.csv (all text, as imported),
-- x what is expected, p what the caller knows. Each row of output is one thing that is wrong.

CREATE VIEW ok AS SELECT rowid AS row, * FROM r WHERE status = 'ok';
CREATE VIEW f AS SELECT row, suite || '/' || bench || ' ' || variant || ' sites=' || sites AS name,
	CAST(n AS INTEGER) AS n, CAST(min AS INTEGER) AS min, CAST(p50 AS INTEGER) AS p50,
	CAST(p90 AS INTEGER) AS p90, CAST(p99 AS INTEGER) AS p99, CAST(p999 AS INTEGER) AS p999,
	CAST(max AS INTEGER) AS max, CAST(mad AS INTEGER) AS mad FROM ok;
CREATE TABLE v AS SELECT row, count(*) AS nr, min(CAST(i AS INTEGER)) AS first,
	max(CAST(i AS INTEGER)) AS last, count(DISTINCT i) AS nr_different,
	min(CAST(value AS INTEGER)) AS low, max(CAST(value AS INTEGER)) AS high,
	sum(value = '' OR value GLOB '*[^0-9]*') AS nr_bad FROM s GROUP BY row;

-- ---- Every row that should be there, once, and no other ----

SELECT 'missing: ' || suite || '/' || bench || ' ' || variant || ' sites=' || sites FROM x
	WHERE NOT EXISTS (SELECT 1 FROM r WHERE r.suite = x.suite AND r.bench = x.bench AND
		r.variant = x.variant AND r.sites = x.sites AND r.unit = x.unit);
SELECT 'not asked for: ' || suite || '/' || bench || ' ' || variant || ' sites=' || sites FROM r
	WHERE NOT EXISTS (SELECT 1 FROM x WHERE r.suite = x.suite AND r.bench = x.bench AND
		r.variant = x.variant AND r.sites = x.sites);
SELECT 'twice: ' || suite || '/' || bench || ' ' || variant || ' sites=' || sites FROM r
	GROUP BY suite, bench, variant, sites, unit HAVING count(*) > 1;

-- ---- How each ended ----

SELECT 'status ' || status || ': ' || suite || '/' || bench || ' ' || variant || ': ' || reason
	FROM r WHERE status NOT IN ('ok', 'skip');
SELECT 'skipped: ' || r.suite || '/' || r.bench || ': ' || r.reason FROM r JOIN x USING (suite, bench)
	WHERE r.status = 'skip' AND x.may_skip = '';
SELECT 'skipped for no reason: ' || bench FROM r WHERE status = 'skip' AND
	reason NOT GLOB 'needs ?*';
SELECT 'skipped for the wrong reason: ' || bench || ': ' || reason FROM r, p WHERE status = 'skip' AND
	instr('|' || p.skip_reason || '|', '|' || reason || '|') = 0;
SELECT 'not skipped: ' || r.bench FROM r JOIN x USING (suite, bench), p
	WHERE r.status <> 'skip' AND x.may_skip = '+' AND p.skip_reason <> '';
SELECT 'a skip with figures: ' || bench FROM r WHERE status = 'skip' AND
	n || min || p50 || p90 || p99 || p999 || max || mad <> '';
SELECT 'ok with a reason: ' || bench || ': ' || reason FROM ok WHERE reason <> '';
SELECT 'violations: ' || bench || ' ' || violations FROM r WHERE violations <> '0' AND
	NOT (status = 'skip' AND violations = '');

-- ---- What each says of itself ----

SELECT DISTINCT 'env ' || r.env || ' and not ' || p.env FROM r, p WHERE r.env <> p.env;
SELECT DISTINCT 'schema ' || schema FROM r WHERE schema <> '1';
SELECT 'more than one run: ' || group_concat(DISTINCT run)
	FROM (SELECT run FROM r UNION SELECT run FROM s UNION SELECT run FROM m)
	HAVING count(DISTINCT run) <> 1;
SELECT 'run id: ' || run FROM m WHERE run = '' OR run GLOB '*[^0-9A-Za-z._-]*' LIMIT 1;
SELECT 'cpus ' || r.cpus || ' and not ' || x.cpus || ': ' || r.suite || '/' || r.bench
	FROM ok AS r JOIN x USING (suite, bench, variant, sites) WHERE r.cpus <> x.cpus;

-- ---- Figures ----

SELECT 'no whole number: ' || suite || '/' || bench || ' ' || variant FROM ok
	WHERE '' IN (n, min, p50, p90, p99, p999, max, mad) OR
	n || min || p50 || p90 || p99 || p999 || max || mad || floor GLOB '*[^0-9]*';
-- Where more CPUs are emulated than there are free ones, the runner's hard limit comes first.
SELECT 'n below ' || p.min_n || ': ' || name || ' n=' || n FROM f, p WHERE n < p.min_n;
SELECT 'out of order: ' || name || ': ' || min || ' ' || p50 || ' ' || p90 || ' ' || p99 || ' ' ||
	p999 || ' ' || max FROM f
	WHERE NOT (min <= p50 AND p50 <= p90 AND p90 <= p99 AND p99 <= p999 AND p999 <= max);
SELECT 'mad beyond the range: ' || name FROM f WHERE mad > max - min;
SELECT 'no time at all: ' || name FROM f JOIN ok USING (row) WHERE f.max = 0 AND
	ok.variant IN ('total', 'process', 'lock', 'overhead');
SELECT 'more or less than three syncs: ' || name FROM f JOIN ok USING (row) WHERE
	suite = 'poke' AND variant = 'syncs' AND (f.min <> 3 OR f.max <> 3);
-- There and back. Two patchers at once may leave each other nothing to do.
SELECT 'more or less than three syncs for 256 sites: ' || name FROM f JOIN ok USING (row) WHERE
	suite = 'clients' AND variant = 'syncs' AND bench <> 'static-key-two-patchers' AND
	(f.min <> (sites + 255) / 256 * 6 OR f.max <> f.min);
SELECT 'no floor: poke ' || variant || ' sites=' || sites FROM ok WHERE suite = 'poke' AND
	variant IN ('total', 'process') AND floor = '';
SELECT 'victims alone cannot pass: ' || name FROM f JOIN ok USING (row) WHERE
	variant = 'passes' AND (ok.cpus = '1' OR ok.bench = 'irqs-off') <> (f.max = 0);
SELECT 'nobody trapped in any batch: ' || suite FROM f JOIN ok USING (row), p
	WHERE variant = 'traps' AND suite IN ('forms', 'places', 'soak') AND p.cpus <> '1'
	GROUP BY suite HAVING max(f.max) = 0;

-- ---- Tags ----

SELECT 'a tag that is no number: ' || suite || '/' || bench || ' ' || variant FROM ok WHERE
	smis || gap_ns || switches || ratio_begin || ratio_end GLOB '*[^0-9]*' OR gap_ns = '' OR
	ltrim(substr(cancelled, 1, 1), '-') || substr(cancelled, 2) GLOB '*[^0-9]*';
SELECT 'no gap at all: ' || suite || '/' || bench || ' ' || variant FROM ok WHERE gap_ns = '0';
SELECT 'tags without figures: ' || suite || '/' || bench FROM r WHERE n = '' AND
	cancelled || smis || gap_ns || switches || ratio_begin || ratio_end <> '';
-- A process can be pushed aside; what has the machine for itself cannot.
SELECT 'switches are counted, or not: ' || suite || '/' || bench FROM ok, p
	WHERE (ok.switches <> '') <> (p.env = 'host');
SELECT 'a ratio without a core clock, or none: ' || suite || '/' || bench FROM ok, m
	WHERE m.key = 'core_clock' AND (ok.ratio_begin <> '' OR ok.unit = 'core_mcycles') AND m.value = 'none';
SELECT 'no cycles beside ticks: ' || suite || '/' || bench || ' ' || variant FROM ok JOIN m
	ON m.key = 'core_clock' AND m.value <> 'none' WHERE unit = 'tsc_mcycles' AND NOT EXISTS (
	SELECT 1 FROM r WHERE r.unit = 'core_mcycles' AND (r.suite, r.bench, r.variant, r.sites) =
		(ok.suite, ok.bench, ok.variant, ok.sites));
SELECT 'nothing was taken off: ' || suite || '/' || bench || ' ' || variant FROM ok WHERE
	suite IN ('lock', 'split') AND bench NOT LIKE '%-held' AND variant <> 'overhead' AND unit = 'tsc_mcycles' AND cancelled = '';

-- ---- Samples stand behind the figures ----

SELECT DISTINCT 'samples of a row that is not there, or not ok: ' || row FROM v
	WHERE row NOT IN (SELECT row FROM ok);
SELECT 'no samples: ' || name FROM f WHERE row NOT IN (SELECT row FROM v);
SELECT 'samples are not numbered 0, 1, 2 ..., or evenly: ' || name FROM f JOIN v USING (row) WHERE
	v.first <> 0 OR v.last <> (v.nr - 1) * f.n / v.nr OR v.nr_different <> v.nr OR v.nr_bad > 0;
SELECT 'samples are not spread evenly: ' || name || ' ' || min(i) FROM (
	SELECT row, CAST(i AS INTEGER) AS i, row_number() OVER (PARTITION BY row ORDER BY rowid) - 1 AS nth FROM s)
	JOIN f USING (row) JOIN v USING (row) WHERE i <> nth * f.n / v.nr GROUP BY row;
SELECT 'a sample beyond min or max: ' || name FROM f JOIN v USING (row)
	WHERE v.low < f.min OR v.high > f.max;
SELECT 'samples: ' || v.nr || ' of ' || f.n || ': ' || name FROM f JOIN v USING (row)
	WHERE v.nr <> min(f.n, (SELECT CAST(value AS INTEGER) FROM m WHERE key = 'samples_per_row_cap'));
SELECT 'all samples are there, yet min and max are not: ' || name FROM f JOIN v USING (row)
	WHERE v.nr = f.n AND (v.low <> f.min OR v.high <> f.max);

-- ---- machine.csv ----

SELECT 'machine.csv has no ' || want.key FROM (SELECT 'complete' AS key UNION SELECT 'rows' UNION
	SELECT 'env' UNION SELECT 'seed' UNION SELECT 'version' UNION SELECT 'build' UNION
	SELECT 'compiler' UNION SELECT 'nr_cpus_started' UNION SELECT 'nr_cpus_present' UNION
	SELECT 'emulated' UNION SELECT 'caps' UNION SELECT 'cpu_brand' UNION SELECT 'tsc_hz' UNION
	SELECT 'start_time_utc' UNION SELECT 'core_clock') AS want WHERE want.key NOT IN (SELECT key FROM m);
SELECT 'machine.csv says twice: ' || key FROM m GROUP BY key HAVING count(*) > 1;
SELECT 'not complete' FROM m WHERE key = 'complete' AND value <> 'yes';
SELECT 'rows: ' || value FROM m WHERE key = 'rows' AND value <> (SELECT count(*) FROM r);
SELECT 'env in machine.csv: ' || value FROM m, p WHERE key = 'env' AND value <> p.env;
SELECT 'nr_cpus_started: ' || value FROM m, p WHERE key = 'nr_cpus_started' AND value <> p.cpus;
SELECT 'emulated: ' || value FROM m, p WHERE key = 'emulated' AND
	(value LIKE 'yes%') <> (p.env = 'tcg');
SELECT 'tsc_hz: ' || value FROM m WHERE key = 'tsc_hz' AND
	CAST(value AS INTEGER) NOT BETWEEN 100000000 AND 10000000000;
