#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Guarantee: the tests can fail. Each planted fault is switched on, and the test that is there to
# catch it must report it; without a fault the same test of the same program must pass.

# Most functions here are called by check() and refute(), which shellcheck cannot see.
# shellcheck disable=SC2317
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"

# The oracle must fail by its own assertion; a crash would be a report of nothing.
reports() {
	local fault=$1 program=$2 oracle=$3 output
	output=$(SMPOKE_FAULT=$fault ONLY=$oracle "$B/fault/unit/$program" 2>&1)
	echo "$output"
	grep -q "^not ok 1 - $oracle" <<<"$output" && grep -q 'error: Failure!' <<<"$output"
}

# In between so that the control uses the very same filter.
passes() {
	local program=$1 oracle=$2 output
	output=$(ONLY=$oracle "$B/fault/unit/$program" 2>&1) || return 1
	echo "$output"
	grep -q "^ok 1 - $oracle" <<<"$output"
}

export CMOCKA_MESSAGE_OUTPUT=TAP ASAN_OPTIONS=detect_leaks=0
phases=each_phase_is_in_memory_before_its_sync_and_no_later_one_is
seen=
while read -r fault program oracle; do
	check "$fault is reported by $program: $oracle" reports "$fault" "$program" "$oracle"
	check "control: $oracle passes without it" passes "$program" "$oracle"
	seen="$seen $fault "
done <<END
OMIT_INT3 test_engine $phases
SKIP_SYNC1 test_engine $phases
SKIP_SYNC1 test_engine a_batch_syncs_once_for_each_phase_it_has
SKIP_SYNC2 test_engine $phases
SKIP_SYNC3 test_engine $phases
SKIP_SYNC3 test_engine the_last_first_byte_is_synced
DROP_REFS_EARLY test_engine step_8_waits_for_a_cpu_in_the_handler
LEAVE_ALIAS_OPEN test_engine the_alias_is_opened_and_closed_once_for_a_batch
WRONG_CALL_RETURN test_int3 calls_jumps_and_returns_go_where_the_cpu_goes
WRONG_JMP test_int3 calls_jumps_and_returns_go_where_the_cpu_goes
WRONG_JMP test_int3 padded_branches_count_from_their_own_end
END

# Every fault that the sources know has a row above, and no row is of a fault that is gone.
known=$(grep -ohE '\<fault\([A-Z0-9_]+\)' core/*.c | sed 's/fault(\(.*\))/\1/' | sort -u)
equal "every fault in core/ has an oracle" \
	"$(tr ' ' '\n' <<<"$seen" | sed '/^$/d' | sort -u | tr '\n' ' ')" "$(tr '\n' ' ' <<<"$known")"

refute "a fault that does not exist is an error" "no such fault" \
	env SMPOKE_FAULT=NO_SUCH "$B/fault/unit/test_engine"

# ---- The program's own oracles, in a run as a user would start it ----

out=$B/fault/results
rm -rf "$out"
mkdir -p "$out"

run_program() {
	SMPOKE_FAULT=$1 "$B/fault/smpoke" --quick --suite "$2" --out "$out" 2>&1
}

program_reports() {
	local fault=$1 suite=$2 row=$3 reason=$4 output status=0
	output=$(run_program "$fault" "$suite") || status=$?
	echo "$output"
	[ "$status" -eq 1 ] && grep -qE "FAIL $row: .*$reason" <<<"$output" &&
		grep -q '^end status=1$' <<<"$output"
}

program_is_quiet() {
	local output
	output=$("$B/fault/smpoke" --quick --suite check,forms --out "$out" 2>&1) || {
		echo "$output"
		return 1
	}
}

check "control: the fault build without a fault runs clean" program_is_quiet
while read -r fault suite row reason; do
	check "$fault fails the run in $row" program_reports "$fault" "$suite" "$row" "$reason"
done <<'END'
SKIP_SYNC1 forms forms/nop5-jmp32 syncs are wrong
SKIP_SYNC2 forms forms/nop5-jmp32 syncs are wrong
SKIP_SYNC3 forms forms/nop1-ret syncs are wrong
LEAVE_ALIAS_OPEN check check/refused control
UNDECODABLE_REGION lock lock/inc-1line code region: .* is no instruction
UNDECODABLE_REGION poke poke/batch,.1.sites code region: .* is no instruction
END

# This one needs a CPU that runs into the INT3.
if [ "$(nproc)" -ge 2 ]; then
	check "WRONG_CALL_RETURN kills a victim, and the run says so" \
		program_reports WRONG_CALL_RETURN forms forms/call-call "took vector"
else
	skip "WRONG_CALL_RETURN kills a victim" "needs two CPUs"
fi

# ---- What is shipped knows nothing of all this ----

traces() {
	nm -a "$1" 2>/dev/null | grep -E 'fault_[A-Z]|read_switch'
	strings -a "$1" | grep -E "SMPOKE_FAULT|$(tr '\n' '|' <<<"$known" | sed 's/|$//')"
}

for shipped in "$B/smpoke.so" "$B/smpoke.efi" "$B/host/smpoke"; do
	equal "$shipped has no trace of the faults" "$(traces "$shipped")" ""
done
match "control: the fault build has them" "$(traces "$B/fault/smpoke")" 'fault_SKIP_SYNC1'
plan
