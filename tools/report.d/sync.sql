-- SPDX-License-Identifier: MIT
INSERT INTO panel VALUES (0, 'all runs');
INSERT INTO series VALUES (0, 'round of all CPUs, which run a loop', 'line'),
	(1, 'round of all CPUs, which have no work', 'line'), (2, 'one interrupt, fixed vector', 'line'),
	(3, 'one interrupt, NMI', 'line'), (4, 'one to each other CPU, fixed vector', 'line'),
	(5, 'one to each other CPU, NMI', 'line');
INSERT INTO figure SELECT 0, CASE WHEN variant = 'round' THEN bench = 'round-idle'
	ELSE 2 * (bench IN ('cpus', 'interrupt-all')) + 2 + (variant = 'nmi') END, cpus, run || ': ' || bench || ' ' || variant || ', ' || cpus || ' CPUs',
	'µs', n, kept, p50 / 1e3, low / 1e3, high / 1e3, drifted, p99 / 1e3, ''
	FROM measured WHERE suite = 'sync' AND unit = 'ns' AND p50 > 0
	-- What stands beside "cpus" with the same number of them would be drawn over it.
	AND NOT (bench IN ('round-spinning', 'interrupt-all') AND EXISTS (SELECT 1 FROM measured AS c
		WHERE c.run_nr = measured.run_nr AND c.suite = 'sync' AND c.bench = 'cpus' AND c.cpus = measured.cpus));
INSERT INTO extra SELECT '<p class="note">All runs here used ' || min(x) || ' CPUs, so the curves are points; '
	|| 'runs with other <code>--cpus</code> make them curves.</p>' FROM figure HAVING count(DISTINCT x) = 1;
