-- SPDX-License-Identifier: MIT
--
-- The tables r, s and m become rows of the database; a run that is there already is replaced.

BEGIN;
DELETE FROM machine WHERE run IN (SELECT run FROM m);
DELETE FROM results WHERE run IN (SELECT run FROM m);
DELETE FROM samples WHERE run IN (SELECT run FROM m);
INSERT INTO machine SELECT run, key, value FROM m;
INSERT INTO results SELECT run, rowid, suite, bench, variant, nullif(cpus, ''), nullif(sites, ''),
	unit, nullif(n, ''), nullif(min, ''), nullif(p50, ''), nullif(p90, ''), nullif(p99, ''),
	nullif(p999, ''), nullif(max, ''), nullif(mad, ''), nullif(floor, ''),
	nullif(violations, ''), status, reason, env, nullif(peak_low, ''), nullif(peak_high, ''),
	nullif(cancelled, ''), nullif(smis, ''), nullif(gap_ns, ''), nullif(switches, ''),
	nullif(ratio_begin, ''), nullif(ratio_end, '') FROM r;
INSERT INTO samples SELECT run, row, i, value FROM s;
COMMIT;
