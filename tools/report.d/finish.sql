-- SPDX-License-Identifier: MIT
--
-- What every figure ends with.

-- A distribution is told by order statistics, which are of all samples of the row: what share of them
-- was above so much. Of n samples the tail beyond about 1 - 10/n says little, and is left out. Where
-- all samples were kept it is drawn from them. Nothing has no place on an axis that is logarithmic.
WITH q AS (SELECT 0.5 AS share, 'median' AS word UNION ALL SELECT 0.1, 'p90' UNION ALL SELECT 0.01, 'p99'
	UNION ALL SELECT 0.001, 'p99.9' UNION ALL SELECT 0, 'max')
INSERT INTO figure SELECT panel, series, CASE share WHEN 0 THEN 1.0 / n ELSE share END, what || ': ' || word,
	distribution.unit, n, CASE share WHEN 0.5 THEN kept END,
	CASE word WHEN 'median' THEN p50 WHEN 'p90' THEN p90 WHEN 'p99' THEN p99 WHEN 'p99.9' THEN p999 ELSE max END / 1e3,
	CASE share WHEN 0.5 THEN low / 1e3 END, CASE share WHEN 0.5 THEN high / 1e3 END,
	CASE share WHEN 0.5 THEN drifted ELSE 0 END, NULL, ''
	FROM distribution JOIN measured USING (run, row), q
	WHERE share IN (0, 0.5) OR share * n >= 10;
INSERT INTO curve SELECT panel, series, 1 - (rank - 1.0) / n, value / 1e3 FROM (
	SELECT panel, series, n, kept, value, row_number() OVER (PARTITION BY run, row ORDER BY value) AS rank
	FROM distribution JOIN measured USING (run, row) JOIN samples USING (run, row))
	WHERE kept = n AND value > 0;

-- Panels without a point are left out.
CREATE TABLE filled AS SELECT nr AS old, row_number() OVER (ORDER BY nr) - 1 AS nr, name FROM panel
	WHERE nr IN (SELECT panel FROM figure);
UPDATE figure SET panel = (SELECT nr FROM filled WHERE old = panel);
DELETE FROM panel;
INSERT INTO panel SELECT nr, name FROM filled;
UPDATE curve SET panel = (SELECT nr FROM filled WHERE old = panel);
