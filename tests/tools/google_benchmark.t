#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Guarantee: a run becomes JSON of Google Benchmark: every time of it, in ns, under a name of its own;
# every raw sample as a repetition when asked for; and what is no run is refused.

# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
run=results/20261125-073828-host
json=$work/run.json

# ask EXPRESSION: of the entries as e(name, ns, i, of)
ask() {
	sqlite3 :memory: "CREATE TABLE j AS SELECT readfile('$json') AS text;
		CREATE VIEW e AS SELECT json_extract(value, '\$.name') AS name,
			json_extract(value, '\$.real_time') AS ns,
			json_extract(value, '\$.repetition_index') AS i,
			json_extract(value, '\$.repetitions') AS of
			FROM j, json_each(text, '\$.benchmarks');
		SELECT $1"
}

tools/google-benchmark $run >"$json"
equal "it is JSON" "$(ask "json_valid(text) FROM j")" 1
equal "as many entries as there are times in the run" "$(ask "count(*) FROM e")" \
	"$(awk -F, '$8 != "count" && $19 == "ok"' $run/results.csv | wc -l)"
equal "each has a name of its own" "$(ask "count(*) - count(DISTINCT name) FROM e")" 0
equal "nanoseconds stay what they are" "$(ask "ns FROM e WHERE name = 'switch/sweep-16384/up/sites:16384/cpus:1'")" \
	"$(awk -F, '$4 == "sweep-16384" && $5 == "up" { print $11 ".0" }' $run/results.csv)"
hz=$(sed -n 's/.*,tsc_hz,//p' $run/machine.csv)
equal "thousandths of a tick become them" \
	"$(ask "round(ns, 6) FROM e WHERE name = 'lock/inc-1line/lock/cpus:1'")" \
	"$(sqlite3 :memory: "SELECT round($(awk -F, '$4 == "inc-1line" && $5 == "lock" { print $11 }' \
		$run/results.csv) * 1e6 / $hz, 6)")"
equal "the context says what it ran on" "$(ask "json_extract(text, '\$.context.smpoke_env') FROM j")" host

tools/google-benchmark --samples $run >"$json"
equal "every sample of a time is a repetition" "$(ask "count(*) FROM e")" \
	"$(awk -F, 'NR == FNR { if ($8 != "count" && $19 == "ok") time[FNR - 1]; next } $3 in time' \
		$run/results.csv $run/samples.csv | wc -l)"
equal "numbered from 0" "$(ask "count(*) FROM (SELECT name FROM e GROUP BY name HAVING min(i) <> 0)")" 0

refute "what is no run" 'no results.csv in it' tools/google-benchmark "$work"
refute "no folder" 'expected one folder of a run, got 0' tools/google-benchmark
plan
