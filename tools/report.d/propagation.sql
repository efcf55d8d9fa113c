-- SPDX-License-Identifier: MIT
INSERT INTO panel SELECT nr, run FROM runs;
CREATE TEMP TABLE place AS SELECT column1 AS bench, column2 AS shown, column3 AS s FROM (VALUES
	('within', 'within a line', 0), ('line-1-7', '1 byte before a line''s end, 7 behind it', 1),
	('line-4-4', '4 and 4', 2), ('line-7-1', '7 and 1', 3), ('page-4-4', '4 and 4, across two pages', 4));
INSERT INTO series SELECT s, shown, 'line' FROM place;
-- Those that are not drawn stand in the table.
INSERT INTO distribution SELECT run_nr,
	CASE variant WHEN 'any' THEN coalesce(s, 8) ELSE 8 END, run, row, bench || ', ' || variant, 'µs'
	FROM measured LEFT JOIN place USING (bench) WHERE suite = 'propagation' AND unit = 'ns';
