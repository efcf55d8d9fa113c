#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Guarantee: tests/run loses nothing. A test that dies, stops early, says "ok" and exits with an
# error, or says nothing, counts as failed; the last line and the exit status tell the truth.

# The single quotes hold the scripts of the tests that are run.
# shellcheck disable=SC2016
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# counted NAME WANT SCRIPT: a test that is SCRIPT must lead to the line "WANT"
counted() {
	local name=$1 want=$2 output status=0 want_status=1
	printf '#!/bin/bash\n%s\n' "$3" >"$work/test"
	chmod +x "$work/test"
	output=$(BUILD=$work tests/run "$work/test" 2>&1) || status=$?
	[[ $want != *" 0 failed"* || $want == "0 passed"* ]] || want_status=0
	equal "$name: last line" "$(tail -n 1 <<<"$output")" "$want"
	equal "$name: exit status" "$status" "$want_status"
}

counted "all good" "2 passed, 0 failed, 0 skipped" 'echo 1..2; echo ok 1; echo ok 2'
counted "one fails" "1 passed, 1 failed, 0 skipped" 'echo 1..2; echo ok 1; echo not ok 2; exit 1'
counted "one fails and the status hides it" "1 passed, 1 failed, 0 skipped" \
	'echo 1..2; echo ok 1; echo not ok 2'
counted "one is skipped" "1 passed, 0 failed, 1 skipped" 'echo 1..2; echo ok 1; echo "ok 2 # SKIP no"'
counted "it dies half-way" "1 passed, 1 failed, 0 skipped" 'echo 1..2; echo ok 1; kill -SEGV $$'
counted "it dies at the end" "2 passed, 1 failed, 0 skipped" \
	'echo 1..2; echo ok 1; echo ok 2; kill -ABRT $$'
counted "it ends half-way" "1 passed, 1 failed, 0 skipped" 'echo 1..2; echo ok 1'
counted "it has no plan" "1 passed, 1 failed, 0 skipped" 'echo ok 1'
counted "it says nothing" "0 passed, 1 failed, 0 skipped" ':'
counted "it cannot be run" "0 passed, 1 failed, 0 skipped" 'exec /nonexistent'
counted "all good, and an error in the end" "1 passed, 1 failed, 0 skipped" 'echo 1..1; echo ok 1; exit 3'
counted "it skips everything" "0 passed, 0 failed, 1 skipped" 'echo 1..1; echo "ok 1 # SKIP no"'
plan
