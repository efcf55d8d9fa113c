-- SPDX-License-Identifier: MIT
--
-- The points of a figure for gnuplot: blocks panel by panel and series by series, all of them there,
-- "x value low high tail label". A block without points has one that is not drawn.

.mode list
.separator " "
WITH RECURSIVE number(s) AS (SELECT 0 UNION ALL SELECT s + 1 FROM number WHERE s < (SELECT max(nr) FROM series)),
block AS (SELECT panel.nr AS p, s FROM panel, number),
lines AS (SELECT p, s, 0 AS ord, NULL AS x, 'NaN NaN NaN NaN NaN ""' AS line FROM block
		WHERE NOT EXISTS (SELECT 1 FROM figure WHERE panel = p AND series = s AND value > 0)
	UNION ALL SELECT panel, series, 1, x, printf('%.6g %.6g %.6g %.6g %s "%s"', x, value,
		coalesce(low, value), coalesce(high, value), coalesce(printf('%.6g', tail), 'NaN'),
		coalesce(label, '')) FROM figure
		WHERE value > 0 AND NOT EXISTS (SELECT 1 FROM curve WHERE curve.panel = figure.panel AND
		curve.series = figure.series)
	UNION ALL SELECT panel, series, 1, x, printf('%.6g %.6g NaN NaN NaN "all"', x, value) FROM curve
	UNION ALL SELECT p, s, 2, NULL, char(10) FROM block)
SELECT line FROM lines ORDER BY p, s, ord, CAST(x AS REAL);
