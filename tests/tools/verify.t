#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Guarantee: verify-method says of two programs that agree that they do, and of every figure that is
# apart that it is; what only disturbed one run is no mode.

# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Two programs that print what stands in files
cat >"$work/smpoke" <<'END'
#!/bin/bash
while [ "$1" != --out ]; do shift; done
mkdir -p "$2/run"
echo n >>"${0%/*}/runs"
awk -v run="$(wc -l <"${0%/*}/runs")" -F, -v OFS=, '
	BEGIN { print "suite,bench,variant,p50,status,peak_low,peak_high" }
	{ print "lock", $1, $2, $3 + (run - 5) * $4, "ok", run < $7 ? "" : $5, run < $7 ? "" : $6 }' "${0%/*}/figures" >"$2/run/results.csv"
END
cat >"$work/second" <<'END'
#!/bin/bash
cat "${0%/*}/windows"
[ "$(wc -l <"${0%/*}/runs")" -ne 2 ] || cat "${0%/*}/disturbed"
END
chmod +x "$work/smpoke" "$work/second"

# windows ROW SETTING VALUE...: so many windows of each value
windows() {
	local row=$1 setting=$2 value i
	shift 2
	for value; do
		for i in {1..10}; do echo "$row,$setting,$((value + i % 3))"; done
	done
}
{
	windows inc-1line,lock 0 4360 5270
	windows inc-1line,lock 1 4360
	windows inc-8lines,lock 0 5270
	windows inc-8lines,lock 1 5270 5900 6500 7100 7700 8300 8900 9500 10100 10700 11300
	windows inc-8lines,none 0 700
} >"$work/windows"
windows inc-8lines,none 0 950 950 950 >"$work/disturbed"

# verify BENCH,FORM,P50,DRIFT,LOW,HIGH...
verify() {
	printf '%s\n' "$@" >"$work/figures"
	: >"$work/runs"
	tools/verify-method "$work/smpoke" "$work/second" 2>&1
}
last() { verify "$@" | tail -n 1; }

good=('inc-1line,lock,4390,1,,' 'inc-8lines,lock,5300,1,,' 'inc-8lines,none,710,1,,')
check "figures that agree" verify "${good[@]}"
equal "they are counted, and those with one mode" "$(last "${good[@]}")" \
	"3 figures, 2 of them with one mode; 0 apart"
equal "the other mode is one, too" "$(last inc-1line,lock,5200,1,,)" \
	"1 figures, 0 of them with one mode; 0 apart"
refute "between two modes there is none" 'inc-1line +lock +4\.80 +APART +4\.36 5\.27$' \
	verify inc-1line,lock,4800,1,,
refute "more than 2% off" 'inc-8lines +lock +5\.40 +APART +5\.27$' verify inc-8lines,lock,5400,1,,
refute "less than 2%, but a short one: 0.1 tick is the bound" '0\.82 +APART' verify inc-8lines,none,820,1,,
equal "0.09 tick is within it" "$(last inc-8lines,none,790,1,,)" "1 figures, 1 of them with one mode; 0 apart"
refute "what was there in one run only is no mode" '0\.95 +APART +0\.70$' verify inc-8lines,none,950,1,,
refute "what few windows took is no mode" 'APART' verify inc-8lines,lock,7100,1,,
refute "each peak must be a mode" '4\.39 +4\.36 4\.80 +APART' verify inc-1line,lock,4390,1,4360,4800
equal "and may be" "$(last inc-1line,lock,4390,1,4360,5270)" "1 figures, 0 of them with one mode; 0 apart"
refute "two runs have said it" '4\.39 +4\.36 4\.80 +APART' verify inc-1line,lock,4390,1,4360,4800,8
equal "one run has" "$(last inc-1line,lock,4390,1,4360,4800,9)" \
	"1 figures, 0 of them with one mode; 0 apart"
equal "between two peaks that are modes the p50 is where it never is" \
	"$(last inc-1line,lock,4800,1,4360,5270)" "1 figures, 0 of them with one mode; 0 apart"
equal "of nine runs the one in the middle counts" "$(last inc-8lines,lock,5270,300,,)" \
	"1 figures, 1 of them with one mode; 0 apart"
refute "one apart of several is one too many" '^2 figures, 1 of them with one mode; 1 apart$' \
	verify inc-8lines,lock,5270,1,, inc-1line,lock,9000,1,,
refute "nothing to compare is an error" 'nothing to compare' verify other,lock,1,1,,
plan
