-- SPDX-License-Identifier: MIT
--
-- The runs A and B of this database side by side. One line a figure that both have measured:
-- medians, each with its distribution-free 95% interval of bounds.sql, which is to be read first, the
-- ratio, and what can be said.

CREATE TEMP VIEW one AS SELECT r.*, bounds.nr, bounds.low, bounds.high
	FROM results AS r LEFT JOIN bounds USING (run, row) WHERE r.status = 'ok';

CREATE TEMP TABLE compared AS
SELECT a.suite, a.bench, a.variant, a.sites, a.unit, a.row,
	a.p50 AS a, b.p50 AS b,
	CASE
	WHEN a.unit <> b.unit THEN 'not comparable: ' || a.unit || ' and ' || b.unit
	WHEN a.env <> b.env AND 'tcg' IN (a.env, b.env) THEN 'not comparable: one is emulated'
	WHEN a.cpus <> b.cpus THEN 'not comparable: ' || a.cpus || ' and ' || b.cpus || ' CPUs'
	WHEN a.unit = 'count' THEN ''
	WHEN a.low IS NULL OR b.low IS NULL OR a.nr < 6 OR b.nr < 6 THEN 'no evidence: too few samples'
	WHEN b.high < a.low THEN 'faster'
	WHEN b.low > a.high THEN 'slower'
	ELSE 'no evidence' END AS verdict
FROM one AS a JOIN one AS b USING (suite, bench, variant, sites)
WHERE a.run = 'A' AND b.run = 'B' AND a.variant <> 'overhead' AND
	-- In ticks and in cycles of the core: each with its like, where both have it.
	(a.unit = b.unit OR NOT EXISTS (SELECT 1 FROM results AS o WHERE o.status = 'ok' AND
		(o.suite, o.bench, o.variant, o.sites) = (a.suite, a.bench, a.variant, a.sites) AND
		(o.run, o.unit) IN (('A', b.unit), ('B', a.unit)))) AND
	-- Measured once for each number of CPUs: equal ones, where both have them.
	(a.cpus = b.cpus OR NOT EXISTS (SELECT 1 FROM results AS o WHERE o.status = 'ok' AND
		(o.suite, o.bench, o.variant, o.sites) = (a.suite, a.bench, a.variant, a.sites) AND
		(o.run, o.cpus) IN (('A', b.cpus), ('B', a.cpus))));

SELECT printf('%-40s %12s %12s %7s  %s', 'median, and what B is', 'A', 'B', 'B/A', 'unit');
SELECT printf('%-40s %12d %12d %7s  %-11s %s',
	suite || '/' || bench || ' ' || variant || CASE sites WHEN 0 THEN '' ELSE ' ' || sites END, a, b,
	CASE WHEN a = 0 OR verdict LIKE 'not %' THEN '' ELSE printf('%.3f', 1.0 * b / a) END, unit,
	verdict) FROM compared WHERE unit <> 'count' ORDER BY row;
SELECT 'only in ' || run || ': ' || suite || '/' || bench || ' ' || variant || ' sites=' || sites
	FROM one WHERE NOT EXISTS (SELECT 1 FROM one AS o WHERE o.run <> one.run AND
	o.suite = one.suite AND o.bench = one.bench AND o.variant = one.variant AND o.sites = one.sites)
	ORDER BY run, row;
SELECT printf('%d faster, %d slower, %d without evidence, %d not comparable',
	total(verdict = 'faster'), total(verdict = 'slower'), total(verdict LIKE 'no evidence%'),
	total(verdict LIKE 'not %')) FROM compared WHERE unit <> 'count';
