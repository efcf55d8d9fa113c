-- SPDX-License-Identifier: MIT
--
-- What every figure begins with. The table scope names the runs that it is about.
-- A figure fills three tables: panel and series, numbered from 0, and figure, one row a point.

-- The samples that were kept may have another median than all: then the interval is stretched to hold
-- both, and marked.
CREATE TEMP VIEW measured AS SELECT r.*, scope.nr AS run_nr, b.nr AS kept,
	CASE WHEN b.nr >= 6 THEN min(b.low, r.p50) END AS low,
	CASE WHEN b.nr >= 6 THEN max(b.high, r.p50) END AS high,
	CASE WHEN b.nr >= 7 THEN min(b.low_97, r.p50) END AS low_97,
	CASE WHEN b.nr >= 7 THEN max(b.high_97, r.p50) END AS high_97,
	b.nr >= 6 AND r.p50 NOT BETWEEN b.low AND b.high AS drifted
	FROM results AS r JOIN scope USING (run) LEFT JOIN bounds AS b USING (run, row)
	-- What a machine can say in cycles of the core as well is drawn in ticks, as on all others.
	WHERE r.status = 'ok' AND r.unit <> 'core_mcycles';

CREATE TEMP TABLE panel (nr INTEGER PRIMARY KEY, name TEXT);
CREATE TEMP TABLE series (nr INTEGER PRIMARY KEY, name TEXT, swatch TEXT);
CREATE TEMP TABLE figure (panel INTEGER, series INTEGER, x, what TEXT, unit TEXT, n INTEGER,
	kept INTEGER, value REAL, low REAL, high REAL, drifted INTEGER, tail REAL, label TEXT);
-- Points that are drawn and not told, in the place of the figure's own of that series.
CREATE TEMP TABLE curve (panel INTEGER, series INTEGER, x REAL, value REAL);
-- Rows of which the figure shows how their samples are distributed.
CREATE TEMP TABLE distribution (panel INTEGER, series INTEGER, run TEXT, row INTEGER, what TEXT, unit TEXT);
CREATE TEMP TABLE extra (html TEXT);
-- What n counts, and what the interval is, where they are not samples and their median.
CREATE TEMP TABLE saying (n TEXT, interval TEXT);

-- One panel a run, unless the figure says otherwise.
CREATE TEMP VIEW runs AS SELECT nr, run, (SELECT value FROM machine AS m WHERE m.run = scope.run AND
	m.key = 'cpu_brand') AS cpu FROM scope;
