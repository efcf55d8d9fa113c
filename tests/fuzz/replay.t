#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Guarantee: arbitrary input breaks no rule that the fuzz targets watch. Here it is pseudo-random
# and little of it, so that no clang is needed; "make fuzz" looks longer and learns. And the targets
# can fail: with a fault planted in core each must report it, by its own words.

# Most functions here are called by check() and refute(), which shellcheck cannot see.
# shellcheck disable=SC2317
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"

# Blocks that core keeps for ever are no leaks.
export ASAN_OPTIONS=detect_leaks=0
finding=$(mktemp -d)
trap 'rm -rf "$finding"' EXIT

# Kept where the next run does not overwrite it, and only when there is one.
replay() {
	mkdir -p "$B/replay/findings"
	FUZZ_FINDING=$B/replay/findings/${1##*/} INPUTS=$2 "$1"
}

check "fuzz_alternatives: 20,000 inputs" replay "$B/replay/fuzz_alternatives" 20000
check "fuzz_altinstr: 20,000 inputs" replay "$B/replay/fuzz_altinstr" 20000
check "fuzz_locks: 100,000 inputs" replay "$B/replay/fuzz_locks" 100000
check "fuzz_nops: 20,000 inputs" replay "$B/replay/fuzz_nops" 20000
check "fuzz_options: 100,000 inputs" replay "$B/replay/fuzz_options" 100000
check "fuzz_queue: 20,000 inputs" replay "$B/replay/fuzz_queue" 20000
check "fuzz_relocate: 400,000 inputs" replay "$B/replay/fuzz_relocate" 400000

# ---- That they can fail; the seed is fixed, so that these find it each time ----

planted() {
	FUZZ_FINDING=$finding/$2 SEED=1 INPUTS=20000 env ${1:+SMPOKE_FAULT=$1} "$B/fault/replay/$2"
}

while IFS='|' read -r fault target report; do
	refute "$fault is reported by $target" "$report" planted "$fault" "$target"
done <<'END'
SKIP_BOUNDARY_CHECK|fuzz_queue|by the model 'site is in the middle of an instruction'
ALLOW_OVERLAP|fuzz_queue|by the model 'site overlaps one already queued'
QUEUE_UNSORTED|fuzz_queue|syncs instead of|the queue is unsorted
OMIT_INT3|fuzz_queue|at an event of a batch
SKIP_SYNC2|fuzz_queue|at an event of a batch
TAIL_FIRST|fuzz_queue|at an event of a batch
LEAVE_ALIAS_OPEN|fuzz_queue|the alias was left open|sim.alias_is_open
WRONG_PADDED|fuzz_queue|a trap at .* leads to
WRONG_JCC|fuzz_queue|a trap at .* leads to
RELOCATE_INSIDE_BLOCK|fuzz_relocate|leads to .*, not|error
SHRINK_PREFIXED_JUMP|fuzz_relocate|another length at|nothing decodes|another instruction|padding
MERGE_PAUSE|fuzz_nops|is of no NOP and has changed
ALT_FIRST_WINS|fuzz_alternatives|is not its winner
ALT_NO_LENGTH_CHECK|fuzz_alternatives|negative-size-param|does not hold
SAVE_SKIPPED|fuzz_altinstr|saved, and not applied
RESTORE_SHORT|fuzz_altinstr|does not hold: error
UP_NOT_RELOCATED|fuzz_altinstr|not in UP form|applied, and not restored
CHECK_FIRST_ENTRY_ONLY|fuzz_altinstr|ERROR: AddressSanitizer|does not hold
LOCKS_TEXT_END|fuzz_locks|that no entry names|out of range|prefixes
END
for target in fuzz_alternatives fuzz_altinstr fuzz_locks fuzz_nops fuzz_queue fuzz_relocate; do
	check "control: $target of the fault build without a fault" planted "" "$target"
done

# What is found can be repeated from the file that was kept.
refute "the input that was kept repeats the finding" 'is of no NOP and has changed' \
	env SMPOKE_FAULT=MERGE_PAUSE FUZZ_FINDING="$finding/again" \
	"$B/fault/replay/fuzz_nops" "$finding/fuzz_nops"
check "control: without the fault it is none" "$B/fault/replay/fuzz_nops" "$finding/fuzz_nops"
plan
