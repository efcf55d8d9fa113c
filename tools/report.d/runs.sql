-- SPDX-License-Identifier: MIT
--
-- The head of the page: each run, what it ran on, how it ended, and what it says in a few figures.

.mode list
CREATE TEMP TABLE fact AS SELECT run, key,
	replace(replace(replace(trim(value), '&', '&amp;'), '<', '&lt;'), '>', '&gt;') AS value
	FROM machine;
-- One column a fact.
CREATE TEMP TABLE facts AS SELECT run,
	max(value) FILTER (WHERE key = 'cpu_brand') AS cpu,
	max(value) FILTER (WHERE key = 'hypervisor' AND value NOT IN ('', 'none')) AS hypervisor,
	max(value) FILTER (WHERE key = 'tsc_hz') AS tsc_hz,
	max(value) FILTER (WHERE key = 'nr_cpus_started') AS cpus,
	max(value) FILTER (WHERE key = 'kernel') AS kernel,
	max(value) FILTER (WHERE key = 'firmware_vendor') AS firmware,
	max(value) FILTER (WHERE key = 'plan') AS plan,
	max(value) FILTER (WHERE key = 'version') AS version,
	max(value) FILTER (WHERE key = 'build') AS build,
	max(value) FILTER (WHERE key = 'marks') AS marks,
	max(key = 'complete' AND value = 'yes') AS complete
	FROM fact GROUP BY run;
CREATE TEMP TABLE count AS SELECT run, max(env) AS env, total(status = 'ok') AS ok,
	total(status IN ('fail', 'hang')) AS bad, total(status = 'skip') AS skipped,
	total(violations) AS violations
	FROM results GROUP BY run;
CREATE TEMP TABLE word (text TEXT, shown TEXT);
INSERT INTO word VALUES ('host', 'as a Linux process'), ('metal', 'bare metal'),
	('vm', 'under a hypervisor'), ('tcg', 'under QEMU'), ('KVMKVMKVM', 'KVM'),
	('TCGTCGTCGTCG', 'TCG'), ('Microsoft Hv', 'Hyper-V'), ('VMwareVMware', 'VMware'),
	('XenVMMXenVMM', 'Xen'), ('bhyve bhyve', 'bhyve');
CREATE TEMP VIEW about AS SELECT run.run, run.emulated, facts.*, count.* FROM run
	LEFT JOIN facts USING (run) LEFT JOIN count USING (run);

-- The suites that have a figure of their own.
CREATE TEMP TABLE drawn (suite TEXT);
INSERT INTO drawn VALUES ('primitives'), ('lock'), ('poke'), ('strategy'), ('victim'),
	('propagation'), ('protocols'), ('hazard'), ('int3'), ('sync'), ('switch');

-- What can be said in one figure. XCHG has no prefix that could go.
CREATE TEMP TABLE answer (run TEXT, ord REAL, big TEXT, small TEXT);
INSERT INTO answer SELECT s.run, 0,
	printf('%.1f – %.1f ×', min(1.0 * s.p50 / u.p50), max(1.0 * s.p50 / u.p50)),
	'as long for locks and counters in SMP form as in UP form'
	FROM results AS s JOIN results AS u USING (run, suite, bench, sites, cpus, unit)
	WHERE s.suite = 'primitives' AND u.p50 > 0
	AND (s.variant, u.variant) IN (VALUES ('smp', 'up'), ('smp-8', 'up-8'))
	AND s.bench <> 'xchg' GROUP BY s.run;
INSERT INTO answer SELECT s.run, 1,
	printf('%.1f – %.1f ×', min(1.0 * s.p50 / u.p50), max(1.0 * s.p50 / u.p50)),
	'as long with LOCK as without, by instruction'
	FROM results AS s JOIN results AS u USING (run, suite, bench, sites, cpus, unit)
	WHERE s.suite = 'lock' AND s.variant = 'lock' AND u.variant = '3e' AND u.p50 > 0
	AND s.bench NOT LIKE 'xchg%' GROUP BY s.run;
CREATE TEMP VIEW total AS SELECT run, sites, p50 FROM results
	WHERE suite = 'poke' AND bench = 'batch' AND variant = 'total' AND status = 'ok';
INSERT INTO answer SELECT run, 2 + sites / 1e3, printf('%.*f µs', p50 < 10000, p50 / 1e3),
	'to change ' || sites || CASE sites WHEN 1 THEN ' site' ELSE ' sites' END ||
	' that another CPU runs through' FROM total
	WHERE (run, sites) IN (SELECT run, min(sites) FROM total GROUP BY run
		UNION SELECT run, max(sites) FROM total GROUP BY run);
INSERT INTO answer SELECT run, 3, printf('%.1f ns', min(1.0 * p50 / sites)),
	'to switch one LOCK prefix, of ' || sites FROM results
	WHERE suite = 'switch' AND variant = 'up' AND unit = 'ns' AND status = 'ok' AND sites > 0
	GROUP BY run;
DELETE FROM answer WHERE run IN (SELECT run FROM run WHERE emulated);
INSERT INTO answer SELECT run, 9, CAST(violations AS INTEGER),
	printf('broken invariants, in %d rows', ok) FROM count;

SELECT '<section class="run' || CASE emulated WHEN 1 THEN ' is-emulated' ELSE '' END || '"><h2>'
	|| run || CASE emulated WHEN 1 THEN ' <strong class="emulated">emulated</strong>' ELSE '' END
	|| '</h2><p>' || coalesce(cpu, 'CPU unknown') || coalesce(' · ' || cpus || ' CPUs', '')
	|| coalesce(printf(' · TSC %.3f GHz', tsc_hz / 1e9), '')
	|| coalesce(' · ' || (SELECT shown FROM word WHERE text = env), '')
	|| coalesce(' · ' || coalesce((SELECT shown FROM word WHERE text = hypervisor), hypervisor), '')
	|| coalesce(' · ' || kernel, '') || coalesce(' · firmware ' || firmware, '') || '</p>'
	|| coalesce('<ul class="answers">' || (SELECT group_concat('<li><b>' || big || '</b> ' || small
		|| '</li>', '') FROM (SELECT * FROM answer WHERE answer.run = about.run ORDER BY ord))
		|| '</ul>', '')
	|| printf('<p class="facts">%d rows ok, ', ok)
	|| CASE WHEN coalesce(bad, 0) = 0 THEN 'none failed'
		ELSE printf('<strong class="bad">%d failed</strong>', bad) END
	|| printf(', %d skipped', skipped) || coalesce(' · plan ' || plan, '')
	|| coalesce(' · smpoke ' || version, '') || coalesce(' (' || build || ')', '')
	|| coalesce(' · marks: ' || marks, '')
	|| CASE complete WHEN 0 THEN ' · <strong class="bad">did not get to its end</strong>' ELSE '' END
	|| '</p>' || coalesce((SELECT '<p class="facts">No figures of suite '
		|| group_concat(suite, ', ') || ': not run, or this machine cannot.</p>' FROM drawn
		WHERE NOT EXISTS (SELECT 1 FROM results WHERE results.run = about.run
		AND results.suite = drawn.suite AND status = 'ok') HAVING count(*) > 0), '')
	|| '</section>' FROM about ORDER BY emulated, run;

SELECT '<section class="bad-rows"><h2>Rows that failed</h2><ul>' || group_concat('<li>' || run
	|| ', row ' || row || ', ' || suite || '/' || bench || ' ' || variant || ': ' || status || ', '
	|| replace(replace(replace(reason, '&', '&amp;'), '<', '&lt;'), '>', '&gt;') || '</li>', '')
	|| '</ul></section>' FROM results WHERE status IN ('fail', 'hang') HAVING count(*) > 0;
