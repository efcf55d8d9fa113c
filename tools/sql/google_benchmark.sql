-- SPDX-License-Identifier: MIT
--
-- The one run of this database as JSON of Google Benchmark. Names are unique: suite, bench, variant,
-- and what else tells rows apart.

CREATE VIEW fact AS SELECT key, value FROM machine;
CREATE VIEW scale AS SELECT 'ns' AS unit, 1.0 AS ns UNION ALL
	SELECT 'tsc_mcycles', 1e6 / value FROM fact WHERE key = 'tsc_hz';
CREATE VIEW timed AS SELECT row, suite || '/' || bench || '/' || variant ||
		CASE sites WHEN 0 THEN '' ELSE '/sites:' || sites END || '/cpus:' || cpus AS name,
	n, p50 * ns AS p50_ns, ns FROM results JOIN scale USING (unit) WHERE status = 'ok';
CREATE VIEW entry AS
	SELECT row, 0 AS i, json_object('name', name, 'run_name', name, 'run_type', 'iteration',
		'repetitions', 1, 'repetition_index', 0, 'threads', 1, 'iterations', n,
		'real_time', p50_ns, 'cpu_time', p50_ns, 'time_unit', 'ns') AS json
		FROM timed, asked WHERE NOT samples
	UNION ALL
	SELECT row, i, json_object('name', name, 'run_name', name, 'run_type', 'iteration',
		'repetitions', n, 'repetition_index', i, 'threads', 1, 'iterations', 1,
		'real_time', value * ns, 'cpu_time', value * ns, 'time_unit', 'ns')
		FROM timed JOIN samples USING (row), asked WHERE asked.samples;

SELECT json_object(
	'context', json_object(
		'date', (SELECT value FROM fact WHERE key = 'start_time_utc'),
		'host_name', (SELECT value FROM fact WHERE key = 'cpu_brand'),
		'executable', 'smpoke',
		'num_cpus', (SELECT CAST(value AS INTEGER) FROM fact WHERE key = 'nr_cpus_started'),
		'mhz_per_cpu', (SELECT value / 1000000 FROM fact WHERE key = 'tsc_hz'),
		'cpu_scaling_enabled', json('false'),
		'caches', json('[]'),
		'library_build_type', 'release',
		'smpoke_run', (SELECT run FROM machine LIMIT 1),
		'smpoke_env', (SELECT value FROM fact WHERE key = 'env'),
		'smpoke_version', (SELECT value FROM fact WHERE key = 'version')),
	'benchmarks', (SELECT json_group_array(json(json)) FROM (SELECT json FROM entry ORDER BY row, i)));
