#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Guarantee: without the protocol, without its consent, and without an answer from the CPUs that it
# started, the run goes on with one CPU, says why, and comes to its end. Each is an image with that
# fault planted (tests/fault/image); the control is tests/boot/runs.t, with the image as it is.

# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
# shellcheck source=tests/lib/judge.sh
. tests/lib/judge.sh
# shellcheck source=tests/lib/boot.sh
. tests/lib/boot.sh

# one_cpu FAULT REASON END: END is what is wrong with the run and must be, nothing for nothing
one_cpu() {
	local fault=$1 reason=$2 end=$3 status=0 run
	make_stick "$fault" '--quick --suite check\n' startup.nsh "$B/fault/efi/$fault.efi"
	boot "$fault" --smp 2 || status=$?
	equal "$fault: the machine switched itself off" "$status" 0
	match "$fault: the screen says why" "$(console "$fault")" "^why not more CPUs: .*$reason"
	check "$fault: the stick is clean" stick_is_clean "$fault"
	run=$(take "$fault")
	match "$fault: machine.csv says why" "$(grep ',up_reason,' "$run/machine.csv")" "$reason"
	equal "$fault: the results are those of one CPU" \
		"$(judge "${run:-nothing}" tcg 1 check '' 'needs smp')" "$end"
}

one_cpu NO_MP_PROTOCOL 'no MP services' ''
one_cpu MP_REFUSED 'does not start CPUs' ''
one_cpu AP_NEVER_ARRIVES '1 of 1 other CPUs' 'log.txt ends in: end status=1'
match "AP_NEVER_ARRIVES: and that it is not home is not hidden" \
	"$(console AP_NEVER_ARRIVES)" '^smpoke: a CPU did not come home$'

faults_in() { grep -ohE '\<fault\([A-Z][A-Z0-9_]+\)' "$@" | sed 's/fault(\(.*\))/\1/' | sort -u; }

# One that host/ has too is in the table of tests/fault/faults.t. ACK_EARLY: an emulator forgets what
# it has decoded with the store itself, so no image showed it; the model of instruction fetch does.
planted=$(sed -n 's/^#define FAULT_\([A-Z0-9_]*\) .*/\1/p' tests/fault/image/fault.h | sort)
equal "every fault that only efi/ has has an image" \
	"$planted" "$(comm -23 <(faults_in efi/*.c) <(faults_in host/*.c))"
plan
