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
torn=no_cpu_can_decode_a_mix_of_two_versions
entry=whoever_can_fetch_the_int3_finds_its_entry
old=after_the_batch_nobody_can_fetch_anything_old
slow=a_cpu_in_the_handler_keeps_its_entry_however_slow_it_is
seen=
while read -r fault program oracle; do
	check "$fault is reported by $program: $oracle" reports "$fault" "$program" "$oracle"
	check "control: $oracle passes without it" passes "$program" "$oracle"
	seen="$seen ${fault//,/ } "
done <<END
OMIT_INT3 test_engine $phases
OMIT_INT3 test_fetch_model $torn
TAIL_FIRST test_engine $phases
TAIL_FIRST test_fetch_model $torn
TAIL_FIRST test_history linux_f796c7583762_every_phase_stores_to_a_site_once
PUBLISH_LATE test_engine references_are_held_from_step_1_to_step_8
PUBLISH_LATE test_fetch_model $entry
PUBLISH_LATE test_history linux_17f41571bb2c_a_hot_site_can_be_patched_as_the_first_act
CLOBBER_NEIGHBOURS test_engine a_site_at_any_place_leaves_its_neighbours_alone
SKIP_SYNC1 test_engine $phases
SKIP_SYNC1 test_engine a_batch_syncs_once_for_each_phase_it_has
SKIP_SYNC1 test_fetch_model $torn
SKIP_SYNC2 test_engine $phases
SKIP_SYNC2 test_fetch_model $torn
SKIP_SYNC3 test_engine $phases
SKIP_SYNC3 test_engine the_last_first_byte_is_synced
SKIP_SYNC3 test_fetch_model $entry
SKIP_SYNC3 test_fetch_model $old
ACK_EARLY test_fetch_model $torn
ACK_EARLY test_fetch_model $entry
ACK_EARLY test_fetch_model $old
SETTLE_LEFT_OUT test_engine settling_is_one_write_and_one_sync_and_only_with_the_quirk
SETTLE_LEFT_OUT test_fetch_model an_emulator_that_keeps_int3s_is_settled
SKIP_CONTEXT_CHECK test_queue without_the_lock_nothing_is_done
SKIP_CONTEXT_CHECK test_queue with_interrupts_off_nothing_is_done
SKIP_CONTEXT_CHECK test_queue from_a_trap_nothing_is_done
QUEUE_UNSORTED test_queue descending_addresses_flush_every_time
DROP_REFS_EARLY test_engine step_8_waits_for_a_cpu_in_the_handler
DROP_REFS_EARLY test_fetch_model $slow
HANDLER_WITHOUT_REF test_engine references_are_held_from_step_1_to_step_8
HANDLER_WITHOUT_REF test_fetch_model $slow
QUEUE_UNSORTED test_queue random_addresses_flush_at_each_descent
QUEUE_UNSORTED test_history linux_2aebf5ee43bf_a_single_patch_below_the_queue_is_found
SKIP_BOUNDARY_CHECK test_queue_rules every_broken_rule_is_named_and_nothing_is_written
LOCKS_TEXT_END test_smp_locks the_end_of_the_text_is_not_part_of_it
LEAVE_ALIAS_OPEN test_engine the_alias_is_opened_and_closed_once_for_a_batch
WRONG_CALL_RETURN test_int3 calls_jumps_and_returns_go_where_the_cpu_goes
WRONG_CALL_TARGET test_int3 calls_jumps_and_returns_go_where_the_cpu_goes
WRONG_RET test_int3 calls_jumps_and_returns_go_where_the_cpu_goes
WRONG_JMP test_int3 calls_jumps_and_returns_go_where_the_cpu_goes
WRONG_JMP test_int3 padded_branches_count_from_their_own_end
WRONG_JCC test_int3 every_condition_jumps_when_the_cpu_jumps
WRONG_NOP test_int3 nops_of_every_queued_length_fall_through
WRONG_PADDED test_int3 padded_branches_count_from_their_own_end
RELOCATE_INSIDE_BLOCK test_relocate only_targets_outside_are_moved_however_close_the_places_are
RELOCATE_INSIDE_BLOCK test_relocate_run random_blocks_do_the_same_at_both_places
SHRINK_PREFIXED_JUMP test_relocate a_prefixed_long_jump_keeps_its_length
SHRINK_PREFIXED_JUMP test_relocate_run random_blocks_do_the_same_at_both_places
MERGE_PAUSE test_nops runs_are_merged_where_ever_they_stand
PUBLISH_BEFORE_INIT test_module look_ups_at_every_instruction_of_an_insertion_see_all_or_nothing
REMOVE_WITHOUT_STOP test_module a_removal_at_every_instruction_of_a_look_up_leaves_none_on_the_module
REMOVE_WITHOUT_STOP test_module a_removal_at_every_instruction_of_a_look_up_leaves_what_it_finds_whole
STATE_SKIPPED test_stop_states every_cpu_has_its_interrupts_off_while_the_procedure_runs
PAYLOAD_BEFORE_ALL test_stop_states nothing_runs_before_the_last_cpu_has_left_its_section
ALT_FIRST_WINS test_alternative the_last_eligible_entry_of_a_site_wins
ALT_WRITE_EACH test_alternative each_site_is_written_once_in_the_order_of_the_table
ALT_NO_LENGTH_CHECK test_alternative_rules an_entry_vouches_for_its_own_length
ALT_DIRECT_CALL_LATE test_alternative a_call_through_a_pointer_becomes_a_direct_one
SELFTEST_LEFT_OUT test_selftest code_that_is_wrong_is_told_apart
WRONG_CALL_TARGET test_selftest an_int3_that_is_emulated_as_a_call_is_right
FREE_BEFORE_READY test_page_alloc before_the_map_is_drawn_nothing_reserved_is_freed
FREE_TWICE test_page_alloc a_second_free_is_refused_and_named
OMIT_POISON test_page_alloc a_freed_page_is_poisoned
SAVE_SKIPPED test_smp_altinstr both_ways_any_number_of_times_is_the_same_text
RESTORE_SHORT test_smp_altinstr both_ways_any_number_of_times_is_the_same_text
UP_NOT_RELOCATED test_smp_altinstr both_ways_any_number_of_times_is_the_same_text
CHECK_FIRST_ENTRY_ONLY test_smp_altinstr a_damaged_table_is_refused_whole_and_named
CHECK_FIRST_ENTRY_ONLY test_smp_altinstr a_site_that_somebody_else_changed_stops_all
FREE_TABLE_EARLY test_smp_alt_modules the_table_stays_while_a_node_refers_to_it
KEEP_NODES_AFTER_SMP test_smp_alt_modules enabling_smp_frees_every_node
DEL_WALKS_AFTER_SMP test_smp_alt_modules del_looks_nowhere_once_smp_is_enabled
ADD_WITHOUT_NODE test_smp_alt_modules a_module_that_cannot_be_remembered_keeps_its_locks
SWITCH_ANYWAY test_smp_alt_switch what_is_so_already_is_not_rewritten
SITES_UNSORTED test_static_key a_key_is_on_when_all_its_sites_are_and_costs_three_syncs
SITES_UNSORTED test_static_call every_site_is_retargeted_for_three_syncs
SITES_UNSORTED test_tracer nops_become_calls_and_nops_again
SITES_UNCHECKED test_static_key_rules a_site_that_somebody_else_changed_stops_the_change_before_it_begins
SITES_UNCHECKED test_static_call a_site_that_calls_somebody_else_stops_the_update_before_it_begins
SITES_UNCHECKED test_tracer every_site_is_verified_before_the_first_is_written
VALUE_FIRST test_static_key a_key_is_on_when_all_its_sites_are_and_costs_three_syncs
VALUE_FIRST test_static_key two_patchers_at_once_never_see_the_key_on_before_the_code
VALUE_FIRST test_tracer nops_become_calls_and_nops_again
KEY_OFF_EARLY test_static_key only_the_first_and_the_last_patch
KEY_OFF_EARLY test_static_key two_patchers_at_once_never_see_the_key_on_before_the_code
FUNC_FIRST test_static_call the_new_function_is_named_when_all_sites_call_it
LOCKS_STAY_UP test_image_patching locks_are_out_while_one_cpu_runs_and_back_before_the_next
UP_STAYS_UP test_cpu_hotplug text_is_in_up_form_while_one_cpu_is_left
UP_STAYS_UP test_cpu_hotplug without_locks_nobody_comes_in
MODULE_KEEPS_ORIGINALS test_module_load a_module_is_found_when_all_is_done_and_seen_by_all
UNLOADED_STAYS_LISTED test_module_load what_is_unloaded_is_forgotten_by_all
SAMPLES_FIRST test_runner_rows kept_samples_come_from_all_of_the_time
LOOP_COST_KEPT test_loop_cost what_does_not_grow_with_the_length_is_cancelled
FREE_TABLE_EARLY test_image_patching the_lock_table_is_freed_when_locks_are_back_for_good
END

# A late reader of a freed table has no assertion of its own: the page is out of its reach.
late_reader_is_caught() {
	local output
	output=$(SMPOKE_FAULT=FREE_TABLE_EARLY ONLY=nobody_reads_a_freed_table \
		"$B/fault/unit/test_smp_alt_modules" 2>&1)
	echo "$output"
	grep -q 'AddressSanitizer: use-after-poison' <<<"$output" &&
		grep -q 'in alternatives_text_reserved' <<<"$output"
}

check "FREE_TABLE_EARLY: alternatives_text_reserved() faults on the freed table" late_reader_is_caught
check "control: nobody_reads_a_freed_table passes without it" \
	passes test_smp_alt_modules nobody_reads_a_freed_table

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
	output=$("$B/fault/smpoke" --quick --suite check,emulate,forms,places,queue,clients,soak \
		--toggles 20000 --out "$out" 2>&1) || {
		echo "$output"
		return 1
	}
}

check "control: the fault build without a fault runs clean" program_is_quiet
while read -r fault suite row reason; do
	check "$fault fails the run in $row" program_reports "$fault" "$suite" "$row" "$reason"
	seen="$seen ${fault//,/ } "
done <<'END'
SKIP_SYNC1 forms forms/nop5-jmp32 syncs are wrong
SKIP_SYNC2 forms forms/nop5-jmp32 syncs are wrong
SKIP_SYNC3 forms forms/nop1-ret syncs are wrong
SKIP_SYNC3 queue queue/syncs syncs instead of
SKIP_CONTEXT_CHECK queue queue/no-lock queued without text_mutex
QUEUE_UNSORTED queue queue/descending flushes instead of
CLOBBER_NEIGHBOURS places places/line text around the sites was changed
SKIP_SYNC2 soak soak/soak syncs are wrong
LEAVE_ALIAS_OPEN check check/refused control
SELFTEST_LEFT_OUT,WRONG_CALL_RETURN emulate emulate/call call \(e8[0-9a-f]+\) under flags 0: stack word -1 is
SELFTEST_LEFT_OUT,WRONG_CALL_TARGET emulate emulate/call call \(e8[0-9a-f]+\) under flags 0: ip is .* the CPU's
WRONG_RET emulate emulate/ret ret \(c3[0-9a-f]+\) under flags 0: sp is .* the CPU's
WRONG_JMP emulate emulate/jmp8 jmp8 \(eb[0-9a-f]+\) under flags 0: ip is .* the CPU's
WRONG_JMP emulate emulate/jmp32 jmp32 \(e9[0-9a-f]+\) under flags 0: ip is .* the CPU's
WRONG_JMP int3 int3/jmp32 a pass did not do what its sites say
WRONG_JCC int3 int3/jcc8 a pass did not do what its sites say
WRONG_JCC emulate emulate/jcc8 jcc8 \(70[0-9a-f]+\) under flags 0: ip is .* the CPU's
WRONG_JCC emulate emulate/jcc32 jcc32 \(0f80[0-9a-f]+\) under flags 0: ip is .* the CPU's
WRONG_NOP emulate emulate/nops nops \(0f1f[0-9a-f]+\) under flags 0: trap vector is 6, the CPU's 3
WRONG_PADDED emulate emulate/padded padded \(eb[0-9a-f]+\) under flags 0: (ip|number of traps) is .* the CPU's
WRONG_PADDED emulate emulate/emulate-arg .* (ip|number of traps) is .* the CPU's
SKIP_BOUNDARY_CHECK check check/refused in the middle of an instruction
ALLOW_OVERLAP check check/refused site overlaps one already queued
SITES_UNSORTED clients clients/static-key-56 a change of 56 sites took 168 syncs
FREED_STAYS_MAPPED check check/freed-page a (load|store) .* a freed page on cpu [0-9]+ did not fault
LOCKS_NOT_REMOVED switch switch/round-trip a prefix is not in UP form 3e
LOCKS_NOT_REMOVED primitives primitives/ticket form up is not what it should be
LOCKS_NOT_RESTORED switch switch/round-trip form 3e and back is not the same text
PRINT_IN_SAMPLE check check/refused 1 violations: text was printed while it was measured
UNDECODABLE_REGION lock lock/inc-1line code region: .* is no instruction
UNDECODABLE_REGION poke poke/batch,.1.sites code region: .* is no instruction
END

# Before anything else the program asks itself.
for fault in WRONG_CALL_RETURN WRONG_CALL_TARGET; do
	refute "$fault ends the program at its start" 'could not be patched: INT3 self-test' \
		run_program "$fault" check
done

# These need a CPU that runs into what memory holds between two syncs.
while read -r fault suite row reason; do
	seen="$seen ${fault//,/ } "
	if [ "$(nproc)" -ge 2 ]; then
		check "$fault is seen by another CPU, and the run says so" \
			program_reports "$fault" "$suite" "$row" "$reason"
	else
		skip "$fault is seen by another CPU" "needs two CPUs"
	fi
done <<'END'
ONLINE_WITHOUT_SYNC hotplug hotplug/resync serialised 0 times on its way in
LOCKS_NOT_REMOVED switch switch/up-loses no update lost in UP form
LOCKS_NOT_REMOVED primitives primitives/tas-contended no update lost without 1 LOCKs
LOCKS_NOT_RESTORED primitives primitives/tas-contended (updates lost in SMP form|1 of 2 prefixes switched)
LOCKS_NOT_RESTORED switch switch/no-lost-update updates lost in SMP form
OMIT_INT3 forms forms/nop5-jmp32 vector [0-9]+
OMIT_INT3 hazard hazard/int3-batch [1-9][0-9]* torn
TAIL_FIRST hazard hazard/int3-batch [1-9][0-9]* torn
OMIT_INT3 protocols protocols/int3-single [1-9][0-9]* torn
TAIL_FIRST forms forms/nop2-jmp8 vector [0-9]+
PUBLISH_LATE forms forms/nop5-jmp32 vector 3 \(#BP\)
SELFTEST_LEFT_OUT,WRONG_CALL_RETURN forms forms/call-call vector [0-9]+
END

# ---- The table is complete ----

words() { tr ' ' '\n' | sed '/^$/d' | sort -u | tr '\n' ' '; }
known=$(grep -ohE '\<fault\([A-Z0-9_]+\)' core/*.c bench/*.c host/*.c | sed 's/fault(\(.*\))/\1/' |
	sort -u)
declared=$(sed -n 's/^\tX(\([A-Z0-9_]*\)).*/\1/p' tests/fault/include/fault.h)
equal "every fault in core/, bench/ and host/ has an oracle" "$(words <<<"$seen")" "$(words <<<"$known")"
equal "every fault that can be switched on is planted somewhere" \
	"$(words <<<"$declared")" "$(words <<<"$known")"
# These need a CPU that runs into the INT3, or into what stands there instead.
while read -r fault suite row reason; do
	if [ "$(nproc)" -ge 2 ]; then
		check "$fault is met by a victim in $row" program_reports "$fault" "$suite" "$row" "$reason"
	else
		skip "$fault is met by a victim in $row" "needs two CPUs"
	fi
done <<'END'
SELFTEST_LEFT_OUT,WRONG_CALL_RETURN forms forms/call-call vector [0-9]+
OMIT_INT3 places places/line (vector [0-9]+|passes of victims)
TAIL_FIRST soak soak/soak (vector [0-9]+|passes of victims)
PUBLISH_LATE soak soak/soak vector [0-9]+
SELFTEST_LEFT_OUT,WRONG_CALL_TARGET soak soak/soak (vector [0-9]+|passes of victims)
SELFTEST_LEFT_OUT,WRONG_CALL_RETURN clients clients/tracer-56 vector [0-9]+
VALUE_FIRST clients clients/static-key-256 passes ran the old form of a client that was on
KEY_OFF_EARLY clients clients/static-key-two-patchers cpu [01]: [0-9]+ calls failed
END

# And this one CPUs that run while others do.
oracle=cpus_in_a_section_are_stopped_behind_it
if [ "$(nproc)" -ge 2 ]; then
	check "PAYLOAD_BEFORE_ALL is reported by CPUs that run" \
		reports PAYLOAD_BEFORE_ALL test_stop_machine $oracle
	check "control: $oracle passes without it" passes test_stop_machine $oracle
else
	skip "PAYLOAD_BEFORE_ALL is reported by CPUs that run" "needs two CPUs"
fi

# ---- What is shipped knows nothing of all this ----

traces() {
	nm -a "$1" 2>/dev/null | grep -E 'fault_[A-Z]|read_switch'
	strings -a "$1" | grep -wE "SMPOKE_FAULT|$(tr '\n' '|' <<<"$known" | sed 's/|$//')"
}

for shipped in "$B/smpoke.so" "$B/smpoke.efi" "$B/host/smpoke"; do
	equal "$shipped has no trace of the faults" "$(traces "$shipped")" ""
done
match "control: the fault build has them" "$(traces "$B/fault/smpoke")" 'fault_SKIP_SYNC1'
plan
