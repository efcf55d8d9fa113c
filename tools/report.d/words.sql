-- SPDX-License-Identifier: MIT
--
-- What a figure says in words: legend, what it was drawn from, and all points as a table.

.mode list
CREATE TEMP VIEW told AS SELECT count(*) AS points, min(n) AS least_n, max(n) AS most_n,
	min(kept) AS least_kept, max(kept) AS most_kept, count(low) AS intervals,
	total(drifted) AS drifted, (SELECT max(emulated) FROM scope) AS emulated,
	EXISTS (SELECT 1 FROM distribution) AS distribution,
	(SELECT group_concat(unit, ', ') FROM (SELECT DISTINCT unit FROM figure)) AS units
	FROM figure;

SELECT '<ul class="legend">' || group_concat(printf('<li><i class="swatch %s"></i>%s</li>',
	CASE instr(swatch, ' ') WHEN 0 THEN swatch || ' c' || nr ELSE swatch END, name), '') || '</ul>'
	FROM (SELECT * FROM series WHERE name <> ''
		AND EXISTS (SELECT 1 FROM figure WHERE series = nr) ORDER BY nr)
	HAVING count(*) > 0;
SELECT html FROM extra;

SELECT printf('<p class="facts"><b>%s</b> · %d point%s of n = %s %s · ', units, points,
	CASE points WHEN 1 THEN '' ELSE 's' END,
	CASE least_n WHEN most_n THEN printf('%,d', most_n)
		ELSE printf('%,d to %,d', least_n, most_n) END,
	coalesce((SELECT n FROM saying), 'samples'))
	|| CASE WHEN EXISTS (SELECT 1 FROM saying) THEN (SELECT interval FROM saying)
		WHEN intervals = 0 THEN 'no interval: fewer than six samples were kept'
		ELSE printf('%s: 95%% interval of the median, from %s samples of each',
		CASE distribution WHEN 1 THEN 'in the table' ELSE 'whiskers' END,
		CASE least_kept WHEN most_kept THEN printf('%,d', most_kept)
			ELSE printf('%,d to %,d', least_kept, most_kept) END) END
	|| CASE WHEN drifted = 0 THEN ''
		ELSE printf('; stretched (~) for %d of them, which those samples do not hold', drifted) END
	|| CASE emulated WHEN 1 THEN ' · <strong class="emulated">emulated</strong>'
		ELSE ' · on silicon, not emulated' END || '</p>' FROM told;

CREATE TEMP VIEW line AS SELECT figure.*,
	replace(replace(replace(name, '&', '&amp;'), '<', '&lt;'), '>', '&gt;') AS place,
	CASE WHEN value >= 100 THEN 0 WHEN value >= 10 THEN 1 WHEN value >= 1 THEN 2 ELSE 3 END AS places
	FROM figure JOIN panel ON panel.nr = figure.panel;
SELECT '<details><summary>All ' || points || ' points</summary><div class="wide-table"><table>'
	|| '<thead><tr><th>run</th><th>what</th><th>median</th><th>95% interval</th><th>unit</th>'
	|| '<th>n</th></tr></thead><tbody>' FROM told;
SELECT printf('<tr><td>%s</td><td>%s</td><td>%.*f</td><td>%s</td><td>%s</td><td>%s</td></tr>',
	place, what, places, value,
	CASE WHEN low IS NULL THEN '–' ELSE printf('%.*f – %.*f', places, low, places, high) END
		|| CASE drifted WHEN 1 THEN ' ~' ELSE '' END,
	unit, coalesce(CASE WHEN n > 0 THEN printf('%,d', n) END, '–'))
	FROM line ORDER BY panel, series, CAST(x AS REAL);
SELECT '</tbody></table></div></details>';
