# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# judge FOLDER ENV CPUS SUITES BATCHES SKIP: is this run good? Prints what is wrong, one line each.
# SKIP are the reasons that benches which may be skipped must give, with | between them; empty when
# they must have run.

judge_heading='schema,run,suite,bench,variant,cpus,sites,unit,n,min,p50,p90,p99,p999,max,mad,floor,violations,status,reason,env,peak_low,peak_high,cancelled,smis,gap_ns,switches,ratio_begin,ratio_end'

# What tests/lib/expected.txt means for these suites, batches, CPUs and reason to skip, as CSV
judge_expected() {
	awk -v suites=",$1," -v batches="$2" -v cpus="$3" -v skip="$4" '
		BEGIN {
			print "suite,bench,variant,sites,unit,cpus,may_skip"
			nr = split(skip, reasons, "|")
			for (i = 1; i <= nr; i++)
				lacks[substr(reasons[i], length("needs ") + 1)] = 1
		}
		/^#/ || !index(suites, "," $1 ",") { next }
		$5 ~ /[0-9][+]$/ && cpus + 0 < $5 + 0 { next }
		{
			nr = split($2, marks, "+")
			$2 = marks[1]
			may_skip = ""
			for (i = 2; i <= nr; i++)
				if (marks[i] in lacks)
					may_skip = "+"
			# What is skipped was never set up, so it knows no sites but those it was asked for.
			nr = split($3 == "batch" ? batches : may_skip ? 0 : $3, sites, ",")
			for (v = 6; v <= NF; v++)
				for (i = 1; i <= nr; i++)
					print $1 "," $2 "," $v "," sites[i] "," $4 "," \
						($5 ~ /^all$|[+]$/ ? cpus : $5) "," may_skip
		}' tests/lib/expected.txt
}

judge() {
	local run=$1 env=$2 cpus=$3 suites=$4 batches=$5 skip=$6 file work found min_n=20
	[ "$env$cpus" = tcg1 ] || [ "$env" != tcg ] || min_n=3
	for file in results.csv samples.csv machine.csv log.txt; do
		[ -s "$run/$file" ] || { echo "there is no $file in $run" && return 1; }
		[ "$(tail -c 1 "$run/$file" | od -An -c | tr -d ' ')" = '\n' ] || echo "$file is cut off"
		! grep -q '^$' "$run/$file" || [ "$file" = log.txt ] || echo "$file has blank lines"
	done
	[ "$(head -n 1 "$run/results.csv")" = "$judge_heading" ] || echo "results.csv: wrong heading"
	[ "$(head -n 1 "$run/samples.csv")" = schema,run,row,i,value ] || echo "samples.csv: wrong heading"
	[ "$(head -n 1 "$run/machine.csv")" = schema,run,key,value ] || echo "machine.csv: wrong heading"
	[ "$(tail -n 1 "$run/log.txt")" = "end status=0" ] || echo "log.txt ends in: $(tail -n 1 "$run/log.txt")"

	work=$(mktemp -d)
	judge_expected "$suites" "$batches" "$cpus" "$skip" >"$work/expected.csv"
	found=$(
		sqlite3 2>&1 <<END
.mode csv
.import '$run/results.csv' r
.import '$run/samples.csv' s
.import '$run/machine.csv' m
.import '$work/expected.csv' x
.mode list
CREATE TABLE p AS SELECT '$env' AS env, '$cpus' AS cpus, '$skip' AS skip_reason,
	$min_n AS min_n;
SELECT 'nothing is expected: the judge is broken' WHERE NOT EXISTS (SELECT 1 FROM x);
.read tests/lib/judge.sql
SELECT 'the judge has got to its end';
END
	)
	rm -rf "$work"
	grep -vx 'the judge has got to its end' <<<"$found"
	grep -qx 'the judge has got to its end' <<<"$found" || echo "the judge did not get to its end"
}

# judge_run NAME ARGUMENTS OF judge
judge_run() {
	local name=$1 wrong
	shift
	wrong=$(judge "$@")
	if [ -z "$wrong" ]; then pass "$name"; else fail "$name" "$wrong"; fi
}

# toggled FOLDER: how many sites suite soak has toggled, all samples together
toggled() {
	awk -F, '$3 == "soak" && $5 == "toggles" { row = NR - 1 } row && FILENAME ~ /samples/ && $3 == row {
		sum += $5 } END { print sum + 0 }' "$1/results.csv" "$1/samples.csv"
}

# patched_itself NAME FOLDER FORM: the program has patched its own text, and says what became of what;
# at the end its LOCKs are in that form
patched_itself() {
	local name=$1 log=$2/log.txt facts=$2/machine.csv back=0 nr
	own() { sed -n "s/^[^,]*,[^,]*,own_$1,//p" "$facts"; }
	equal "$name: own text" "$(own text)" patched
	nr=$(grep -cE '\] text\+0x[0-9a-f]+, [0-9]+ bytes, [a-z ]+: [0-9a-f ]+ -> [0-9a-f ]+$' "$log")
	equal "$name: each site is in the log" "$nr" "$(own sites)"
	equal "$name: each was replaced or kept" "$(($(own sites_replaced) + $(own sites_kept)))" "$nr"
	match "$name: what every CPU wants was replaced" "$(cat "$log")" \
		', 12 bytes, always: (90 ){12}-> 48 8d 3d .. .. .. .. e8 .. .. .. ..$'
	match "$name: how long it took" "$(own apply_ns)" '^[1-9][0-9]*$'
	equal "$name: LOCKs were out while one CPU ran" "$(own locks_started)" up
	match "$name: some there were" "$(own locks_to_up)" '^[1-9][0-9]*$'
	equal "$name: and now" "$(own locks_now)" "$3"
	[ "$3" = up ] || back=$(own locks_to_up)
	equal "$name: as many are back" "$(own locks_to_smp)" "$back"
	match "$name: their table is freed in whole pages, once no CPU needs it" \
		"$3 $(($(own lock_table_freed_bytes) % 4096)) $(own lock_table_freed_bytes)" \
		'^(smp 0 [1-9]|up 0 )'
}
