-- SPDX-License-Identifier: MIT
--
-- For each row with samples, intervals of its median: two order statistics, by the normal
-- approximation of the binomial, so whatever the distribution. low and high hold it in 95% of all
-- cases; low_97 and high_97 in 97.5%, so that a ratio of two such medians is within 95%.

CREATE TEMP TABLE bounds AS
WITH side AS (SELECT run, row, value,
		row_number() OVER (PARTITION BY run, row ORDER BY value) AS rank,
		count(*) OVER (PARTITION BY run, row) AS nr FROM samples)
SELECT run, row, max(nr) AS nr,
	max(CASE WHEN rank = max(1, CAST(floor(nr / 2.0 - 0.98 * sqrt(nr)) AS INTEGER)) THEN value END) AS low,
	max(CASE WHEN rank = min(nr, CAST(ceil(1 + nr / 2.0 + 0.98 * sqrt(nr)) AS INTEGER)) THEN value END) AS high,
	max(CASE WHEN rank = max(1, CAST(floor(nr / 2.0 - 1.12 * sqrt(nr)) AS INTEGER)) THEN value END) AS low_97,
	max(CASE WHEN rank = min(nr, CAST(ceil(1 + nr / 2.0 + 1.12 * sqrt(nr)) AS INTEGER)) THEN value END) AS high_97
	FROM side GROUP BY run, row;
