-- SPDX-License-Identifier: MIT
--
-- What README.md and docs/ may quote of a run: the table quote, one row for each line of text, its
-- spaces single. Made from the database of tools/import-results. A nanosecond's millionth is added
-- so that halves are rounded up by every version of SQLite.

CREATE TABLE quote (run TEXT, text TEXT);
CREATE VIEW f AS SELECT * FROM results WHERE status = 'ok';

-- Any figure: "sync/iret cost 88.56 ticks", "poke/batch total, 16 sites 42.33 us".
INSERT INTO quote SELECT run, suite || '/' || bench || ' ' || variant || CASE sites WHEN 0 THEN ' '
	WHEN 1 THEN ', 1 site ' ELSE ', ' || sites || ' sites ' END || CASE unit
	WHEN 'tsc_mcycles' THEN printf('%.2f ticks', p50 / 1e3 + 1e-9) WHEN 'ns' THEN printf('%.2f us', p50 / 1e3 + 1e-9)
	ELSE printf('%d', p50) END FROM f;

-- Counts since a bench began: "hazard/store-4 torn, 25 sites, in all 412".
INSERT INTO quote SELECT run, suite || '/' || bench || ' ' || variant || ', ' || sites || ' sites, in all ' || max
	FROM f WHERE suite IN ('hazard', 'protocols') AND unit = 'count';

-- Suites lock and poke as the screen shows them, with their headings.
CREATE TABLE heading (text TEXT);
INSERT INTO heading VALUES ('lock 3e 90 none overhead lock/3e'),
	('sites p50 p99 queue syncs traps passes /floor violat');
INSERT INTO quote SELECT DISTINCT run, text FROM results, heading;
INSERT INTO quote SELECT run, printf('%s %.2f %.2f %.2f %.2f %.2f %.2f', bench, lock, e3, n90, none,
	overhead, 1.0 * lock / e3) FROM (SELECT run, bench,
		max(p50 / 1e3 + 1e-9) FILTER (WHERE variant = 'lock') AS lock,
		max(p50 / 1e3 + 1e-9) FILTER (WHERE variant = '3e') AS e3,
		max(p50 / 1e3 + 1e-9) FILTER (WHERE variant = '90') AS n90,
		max(p50 / 1e3 + 1e-9) FILTER (WHERE variant = 'none') AS none,
		max(p50 / 1e3 + 1e-9) FILTER (WHERE variant = 'overhead') AS overhead
		FROM f WHERE suite = 'lock' GROUP BY run, bench);

INSERT INTO quote SELECT run, printf('%s %d %.2f %.2f %.2f %d %d %d %.2f %d', bench, sites, p50, p99,
	queue, syncs, traps, passes, over_floor, violations) FROM (SELECT run, bench, sites,
		max(p50 / 1e3 + 1e-9) FILTER (WHERE variant = 'total') AS p50,
		max(p99 / 1e3 + 1e-9) FILTER (WHERE variant = 'total') AS p99,
		max(p50 / 1e3 + 1e-9) FILTER (WHERE variant = 'queue') AS queue,
		max(p50) FILTER (WHERE variant = 'syncs') AS syncs,
		max(p50) FILTER (WHERE variant = 'traps') AS traps,
		max(p50) FILTER (WHERE variant = 'passes') AS passes,
		max(1.0 * p50 / floor) FILTER (WHERE variant = 'process') AS over_floor,
		max(violations) AS violations
		FROM f WHERE suite = 'poke' GROUP BY run, bench, sites);

-- Suite primitives as the screen shows it.
INSERT INTO quote SELECT DISTINCT run, 'UP SMP gain 8: UP SMP gain contended CPUs' FROM results;
INSERT INTO quote SELECT run, printf('%s %.2f %.2f %.2f %.2f %.2f %.2f %.2f %d', bench, up, smp,
	1.0 * smp / up, up8, smp8, 1.0 * smp8 / up8, contended, cpus) FROM (SELECT run, bench,
		max(p50 / 1e3 + 1e-9) FILTER (WHERE variant = 'up') AS up,
		max(p50 / 1e3 + 1e-9) FILTER (WHERE variant = 'smp') AS smp,
		max(p50 / 1e3 + 1e-9) FILTER (WHERE variant = 'up-8') AS up8,
		max(p50 / 1e3 + 1e-9) FILTER (WHERE variant = 'smp-8') AS smp8
		FROM f WHERE suite = 'primitives' GROUP BY run, bench)
	JOIN (SELECT run, replace(bench, '-contended', '') AS bench, p50 / 1e3 + 1e-9 AS contended, cpus
		FROM f WHERE suite = 'primitives' AND variant = 'contended') USING (run, bench);

-- Suites switch and sync in words.
CREATE TABLE words (bench TEXT, text TEXT);
INSERT INTO words VALUES ('sweep-4096', 'switch, 4096 LOCKs to UP form, 32 bytes apart'),
	('sweep-8192', 'switch, 8192'), ('sweep-16384', 'switch, 16384'),
	('sweep-flushed', 'switch, 16384, text and table out of the caches'),
	('poke-each', 'switch, 256, a text_poke() each'),
	('iret', 'sync, IRET to the next instruction'),
	('cpuid', 'sync, CPUID, which leaves for the hypervisor'),
	('round-spinning', 'sync, until the other CPU has serialised, too');
INSERT INTO quote SELECT run, printf('%s %.1f us %s ns each', text, p50 / 1e3 + 1e-9,
	CASE WHEN p50 < 100 * sites THEN printf('%.1f', 1.0 * p50 / sites + 1e-9)
		ELSE CAST(1.0 * p50 / sites + 0.5 AS INTEGER) END)
	FROM f JOIN words USING (bench) WHERE suite = 'switch' AND variant = 'up';
INSERT INTO quote SELECT run, text || ' ' || ((p50 + 500) / 1000) || ' ticks'
	FROM f JOIN words USING (bench) WHERE suite = 'sync' AND variant = 'cost';
INSERT INTO quote SELECT run, printf('%s %.1f us', text, p50 / 1e3 + 1e-9)
	FROM f JOIN words USING (bench) WHERE suite = 'sync' AND variant = 'round';

-- What stands in a sentence: which file must have it of which run.
CREATE TABLE prose (file TEXT, run TEXT, text TEXT);
INSERT INTO prose SELECT 'README.md', lost.run, printf('%d %03d of %d %03d updates (median)',
	lost.p50 / 1000, lost.p50 % 1000, updates.p50 / 1000, updates.p50 % 1000)
	FROM f AS lost JOIN f AS updates USING (run, suite, bench)
	WHERE bench = 'up-loses' AND lost.variant = 'lost' AND updates.variant = 'updates'
	AND run = '20261125-073828-host';
