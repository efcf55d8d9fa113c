-- SPDX-License-Identifier: MIT
INSERT INTO panel VALUES (0, 'all runs');
INSERT INTO series VALUES (0, 'round of all CPUs, which run a loop', 'line'),
	(1, 'round of all CPUs, which have no work', 'line'), (2, 'one interrupt, fixed vector', 'line'),
	(3, 'one interrupt, NMI', 'line');
INSERT INTO figure SELECT 0, CASE WHEN bench = 'round-spinning' THEN 0 WHEN bench = 'round-idle' THEN 1
	WHEN variant = 'fixed' THEN 2 ELSE 3 END, cpus, run || ': ' || bench || ' ' || variant || ', ' || cpus || ' CPUs',
	'µs', n, kept, p50 / 1e3, low / 1e3, high / 1e3, drifted, p99 / 1e3, ''
	FROM measured WHERE suite = 'sync' AND unit = 'ns' AND p50 > 0;
INSERT INTO extra SELECT '<p class="note">All runs here used ' || min(x) || ' CPUs, so the curves are points; '
	|| 'runs with other <code>--cpus</code> make them curves.</p>' FROM figure HAVING count(DISTINCT x) = 1;
