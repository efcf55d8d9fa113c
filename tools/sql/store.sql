-- SPDX-License-Identifier: MIT
--
-- Many runs in one database. docs/results.md says what the columns mean.

CREATE TABLE IF NOT EXISTS machine (run TEXT, key TEXT, value TEXT, PRIMARY KEY (run, key))
	WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS results (run TEXT, row INTEGER, suite TEXT, bench TEXT, variant TEXT,
	cpus INTEGER, sites INTEGER, unit TEXT, n INTEGER, min INTEGER, p50 INTEGER, p90 INTEGER,
	p99 INTEGER, p999 INTEGER, max INTEGER, mad INTEGER, floor INTEGER, violations INTEGER,
	status TEXT, reason TEXT, env TEXT, peak_low INTEGER, peak_high INTEGER, cancelled INTEGER,
	smis INTEGER, gap_ns INTEGER, switches INTEGER, ratio_begin INTEGER, ratio_end INTEGER,
	PRIMARY KEY (run, row)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS samples (run TEXT, row INTEGER, i INTEGER, value INTEGER,
	PRIMARY KEY (run, row, i)) WITHOUT ROWID;
