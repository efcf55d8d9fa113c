#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Guarantee: many runs fit into one database, a damaged one is refused by file and line and costs the
# others nothing; two runs are compared with what their samples can tell, and no more.

# Scripts of sed stand in single quotes.
# shellcheck disable=SC2016
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
db=$work/runs.db

# run NAME UNIT VALUE...: a run of one figure with these samples
run() {
	local name=$1 unit=$2 i=0 value
	shift 2
	mkdir -p "$work/$name"
	{
		echo schema,run,key,value
		printf '1,%s,%s\n' "$name" "env,${env:-host}" "$name" "tsc_hz,2000000000" \
			"$name" 'cpu_brand,"A CPU, made up"' "$name" complete,yes
	} >"$work/$name/machine.csv"
	{
		echo schema,run,suite,bench,variant,cpus,sites,unit,n,min,p50,p90,p99,p999,max,mad,floor,violations,status,reason,env
		echo "1,$name,poke,batch,total,2,16,$unit,$#,1,$(printf '%s\n' "$@" | sort -n |
			sed -n "$((($# + 1) / 2))p"),9,9,9,9,0,,0,ok,,${env:-host}"
	} >"$work/$name/results.csv"
	{
		echo schema,run,row,i,value
		for value; do
			echo "1,$name,1,$i,$value"
			i=$((i + 1))
		done
	} >"$work/$name/samples.csv"
}

count() { sqlite3 "$db" "SELECT count(*) FROM $1"; }
last() { "$@" 2>&1 | tail -n 1; }

run slow ns 110 111 112 113 114 115 116 117 118 119
run fast ns 10 11 12 13 14 15 16 17 18 19
run wide ns 10 20 30 40 110 112 190 200 300 900

# ---- The database ----

check "two runs are added" tools/import-results "$db" "$work/slow" "$work/fast"
equal "both figures are there" "$(count results)" 2
check "one of them again" tools/import-results "$db" "$work/slow"
equal "it is there once" "$(count results) $(count samples) $(count machine)" "2 20 8"

damage() {
	rm -rf "$work/bad"
	cp -r "$work/wide" "$work/bad"
	sed -i "$2" "$work/bad/$1"
}

refused() {
	refute "$1" "$2" tools/import-results "$db" "$work/bad" "$work/fast"
	equal "$1: nothing of it is there" "$(sqlite3 "$db" "SELECT count(*) FROM results WHERE run = 'wide'")" 0
}

damage results.csv '2s/,ns,.*//'
refused "a row that is cut off" 'bad/results\.csv:2: expected 21 columns but found 7'
damage results.csv '2s/,9,9,/,9,x9,/'
refused "a figure that is no number" 'bad/results\.csv:2: "x9" is no number, in column p99'
damage results.csv '1s/,mad//; 2s/,0,,/,,/'
refused "a column that is missing" 'bad/results\.csv:1: there is no column mad'
damage results.csv '2s/^1,wide/1,other/'
refused "a row of another run" 'bad/results\.csv:2: run other, not wide'
damage samples.csv '4s/,/;/g'
refused "samples with other separators" 'bad/samples\.csv:4: '
damage machine.csv '3p'
refused "a fact that is there twice" 'bad/machine\.csv:4: tsc_hz a second time'
rm -rf "$work/bad" && mkdir "$work/bad"
refused "an empty folder" 'bad: there is no results\.csv in it'
refute "no folder at all" 'none: there is no such folder' tools/import-results "$db" "$work/none"

damage results.csv 's/$/\r/'
check "line ends of Windows are none of its business" tools/import-results "$db" "$work/bad"
damage results.csv '1s/$/,tags/; 2s/$/,x/'
match "a newer table" "$(tools/import-results "$db" "$work/bad" 2>&1; echo "rc $?")" 'not known are left out'
damage results.csv '1s/$/,cancelled,ratio_end/; 2s/$/,-650,1450/'
equal "columns that came later, one of them below 0" "$(tools/import-results "$db" "$work/bad" 2>&1; echo "rc $?")
$(sqlite3 "$db" "SELECT cancelled, ratio_end, smis FROM results WHERE run = 'wide'")" 'rc 0
-650|1450|'
damage results.csv '1s/$/,cancelled/; 2s/$/,6-50/'
match "and where it is no number" "$(tools/import-results "$db" "$work/bad" 2>&1; echo "rc $?")" \
	'bad/results\.csv:2: "6-50" is no number, in column cancelled'
damage machine.csv '/complete/d'
printf '\n\n\n' >>"$work/bad/results.csv"
match "a run that died" "$(tools/import-results "$db" "$work/bad" 2>&1; echo "rc $?")" \
	'bad/results\.csv:2: the run did not get to its end'
equal "what it had measured is there" "$(sqlite3 "$db" "SELECT p50 FROM results WHERE run = 'wide'")" 110

# ---- Two runs ----

equal "all samples below all others" "$(last tools/compare "$work/slow" "$work/fast")" \
	"1 faster, 0 slower, 0 without evidence, 0 not comparable"
match "the ratio" "$(tools/compare "$work/slow" "$work/fast")" \
	'^poke/batch total 16 +114 +14 +0\.123  ns +faster$'
equal "the other way round" "$(last tools/compare "$work/fast" "$work/slow")" \
	"0 faster, 1 slower, 0 without evidence, 0 not comparable"
equal "medians apart, samples not" "$(last tools/compare "$work/fast" "$work/wide")" \
	"0 faster, 0 slower, 1 without evidence, 0 not comparable"
equal "a run and itself" "$(last tools/compare "$work/fast" "$work/fast")" \
	"0 faster, 0 slower, 1 without evidence, 0 not comparable"
run ticks tsc_mcycles 1 2 3 4 5 6 7 8
match "two units" "$(tools/compare "$work/slow" "$work/ticks")" 'not comparable: ns and tsc_mcycles$'
env=tcg run emulated ns 10 11 12 13 14 15 16 17 18 19
match "an emulator and silicon" "$(tools/compare "$work/slow" "$work/emulated")" \
	'not comparable: one is emulated$'
match "and a line says which" "$(tools/compare "$work/slow" "$work/emulated")" '^   EMULATED'
run few ns 1 2 3
match "three samples" "$(tools/compare "$work/slow" "$work/few")" 'no evidence: too few samples$'
check "--fail: faster is none" tools/compare --fail "$work/slow" "$work/fast"
refute "--fail: slower is one" ' slower$' tools/compare --fail "$work/fast" "$work/slow"
refute "one run only" 'expected two runs, got 1' tools/compare "$work/fast"
refute "make compare without runs" 'expected two runs, got 0' make --no-print-directory compare
match "make compare" "$(make --no-print-directory compare A="$work/slow" B="$work/fast")" '^1 faster, 0 slower'

# Measured with several numbers of CPUs
cp -r "$work/fast" "$work/each"
sed -i 's/fast/each/' "$work"/each/*.csv
sed -n '2{s/fast/each/;s/total,2,/total,4,/p}' "$work/fast/results.csv" >>"$work/each/results.csv"
sed -n '2,$s/,fast,1,/,each,2,/p' "$work/fast/samples.csv" >>"$work/each/samples.csv"
equal "each number of CPUs with its like" "$(last tools/compare "$work/each" "$work/each")" \
	"0 faster, 0 slower, 2 without evidence, 0 not comparable"
equal "the one that both have" "$(last tools/compare "$work/slow" "$work/each")" \
	"1 faster, 0 slower, 0 without evidence, 0 not comparable"
sed -i 's/total,2,/total,8,/' "$work/each/results.csv"
match "none that both have" "$(tools/compare "$work/slow" "$work/each")" 'not comparable: 2 and 8 CPUs$'

# In ticks, and in cycles of the core as well
run both tsc_mcycles 1 2 3 4 5 6 7 8
sed -i '2{p;s/,tsc_/,core_/}' "$work/both/results.csv"
sed -i '2,${p;s/,both,1,/,both,2,/}' "$work/both/samples.csv"
equal "each unit with its like" "$(last tools/compare "$work/both" "$work/both")" \
	"0 faster, 0 slower, 2 without evidence, 0 not comparable"
equal "the unit that both have" "$(last tools/compare "$work/ticks" "$work/both")" \
	"0 faster, 0 slower, 1 without evidence, 0 not comparable"

# ---- Runs that are in the tree ----

check "every run in results/ can be added" tools/import-results "$work/all.db" results/2*
while IFS= read -r -d ';' query; do
	match "a query of docs/results.md: ${query:0:40}" "$(sqlite3 "$work/all.db" "$query")" '[0-9]$'
done < <(awk '/^## Many runs/ { here = 1 } here && /^```/ { code = !code; next } here && code' docs/results.md)
plan
