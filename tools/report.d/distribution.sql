-- SPDX-License-Identifier: MIT
INSERT INTO panel SELECT nr, run FROM runs;
CREATE TEMP TABLE times AS SELECT *, CASE unit WHEN 'ns' THEN 'µs' ELSE 'ticks' END AS shown
	FROM measured WHERE suite = (SELECT suite FROM subject) AND unit IN ('ns', 'tsc_mcycles')
	AND variant <> 'overhead';
DELETE FROM times WHERE unit <> (SELECT max(unit) FROM times WHERE unit = 'ns' UNION ALL SELECT 'tsc_mcycles'
	ORDER BY 1 LIMIT 1) AND EXISTS (SELECT 1 FROM times AS other WHERE other.unit = 'ns');
CREATE TEMP TABLE line AS SELECT bench, variant, sites, row_number() OVER (ORDER BY min(row)) - 1 AS s
	FROM times GROUP BY bench, variant, sites;
INSERT INTO series SELECT s, bench || ', ' || variant || CASE sites WHEN 0 THEN '' WHEN 1 THEN ', 1 site'
	ELSE ', ' || sites || ' sites' END, 'line' FROM line WHERE s < 8;
INSERT INTO extra SELECT '<p class="note">The first eight of ' || count(*) || ' are drawn.</p>' FROM line
	HAVING count(*) > 8;
INSERT INTO distribution SELECT run_nr, s, run, row, bench || ', ' || variant ||
	CASE sites WHEN 0 THEN '' ELSE ', ' || sites || ' sites' END, shown
	FROM times JOIN line USING (bench, variant, sites) WHERE s < 8;
