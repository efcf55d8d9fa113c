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

# Firmware that starts CPUs only to wait for them, and does not hear its timer then.
make_stick waits '--quick --suite check,sync\n' startup.nsh "$B/fault/efi/MP_ONLY_WAITS.efi"
status=0
boot waits --smp 3 || status=$?
equal "MP_ONLY_WAITS: the machine switched itself off" "$status" 0
run=$(take waits)
check "MP_ONLY_WAITS: the stick is clean" stick_is_clean waits
equal "MP_ONLY_WAITS: one of the CPUs conducts, when all other ways are used up" \
	"$(sed -n 's/^[^,]*,[^,]*,mp_rung\(\|_conductor\|_timer\),//p' "$run/machine.csv" | tr '\n' ' ')" \
	"conductor firmware does not start CPUs without waiting for them CPUs came "
judge_run "MP_ONLY_WAITS: the results are those of two CPUs" "${run:-nothing}" tcg 2 check,sync '' 'needs serialize'

make_stick harm '--quick --suite check\n' startup.nsh "$B/fault/efi/FIRMWARE_DOES_HARM.efi"
status=0
boot harm --smp 2 || status=$?
equal "FIRMWARE_DOES_HARM: the machine switched itself off" "$status" 0
run=$(take harm)
for what in 'CR4' 'the base of the IDT' 'the guard below the stack'; do
	match "FIRMWARE_DOES_HARM: $what is named with a call" "$(console harm)" \
		"^WARNING: firmware changed $what in [a-z_]+\\(\\), 0x[0-9a-f]+ to 0x[0-9a-f]+: put back$"
	match "FIRMWARE_DOES_HARM: and in machine.csv" "$(grep ',warning_[0-9]*,' "$run/machine.csv")" "$what"
done
match "FIRMWARE_DOES_HARM: and what was wrong before a call is not firmware's fault" "$(console harm)" \
	'^WARNING: smpoke changed CR4 before [a-z_]+\(\), 0x[0-9a-f]+ to 0x[0-9a-f]+: put back$'
judge_run "FIRMWARE_DOES_HARM: every promise holds all the same" "${run:-nothing}" tcg 2 check '' ''

faults_in() { grep -ohE '\<fault\([A-Z][A-Z0-9_]+\)' "$@" | sed 's/fault(\(.*\))/\1/' | sort -u; }

# One that host/ has too is in the table of tests/fault/faults.t. ACK_EARLY: an emulator forgets what
# it has decoded with the store itself, so no image showed it; the model of instruction fetch does.
planted=$(sed -n 's/^#define FAULT_\([A-Z0-9_]*\) .*/\1/p' tests/fault/image/fault.h | sort)
equal "every fault that only efi/ has has an image" \
	"$planted" "$(comm -23 <(faults_in efi/*.c) <(faults_in host/*.c))"
plan
