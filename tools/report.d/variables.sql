-- SPDX-License-Identifier: MIT
--
-- What gnuplot has to know of a figure besides its points. Names are words, so their spaces are of
-- the kind that does not break.

SELECT printf('names = "%s"; panels = %d; tics = ''%s'';',
	(SELECT group_concat(replace(name, ' ', char(160)), ' ')
		FROM (SELECT * FROM panel ORDER BY nr)),
	(SELECT count(*) FROM panel),
	(SELECT group_concat(printf('"%s" %d', label, x), ', ')
		FROM (SELECT DISTINCT label, x FROM figure WHERE label <> '')));
SELECT printf('nr_series = %d; rows = %d; unit = "%s"; fewest = %.6g; most = %d;',
	(SELECT max(nr) + 1 FROM series), max(x) + 1, max(unit), min(x), max(x)) FROM figure;
-- For axes that are logarithmic, where nothing has no place.
SELECT printf('least = %.6g; greatest = %.6g',
	coalesce(min(CASE WHEN low > 0 THEN low WHEN value > 0 THEN value END), 1),
	max(1e-6, max(max(coalesce(high, value), coalesce(tail, 0))))) FROM figure;
