#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Guarantee: an NMI that nobody of ours sent is survived, and a machine check on another CPU costs
# that CPU and its row and nothing else: the row says vector, CPU, place, bytes and instruction, the
# batch under way and the benches after it go on. QEMU's monitor sends both.

# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
# shellcheck source=tests/lib/judge.sh
. tests/lib/judge.sh
# shellcheck source=tests/lib/boot.sh
. tests/lib/boot.sh

make_stick traps '--quick --suite check,poke --batch 8,9\n'
socket=$PWD/$boot_dir/traps.monitor
rm -f "$socket" "$boot_dir/traps.log"
boot traps --smp 3 -- -monitor "unix:$socket,server=on,wait=off" &
running=$!
check "suite check has begun" when '^check: ' "$boot_dir/traps.log"
check "an NMI to every CPU" monitor "$socket" nmi
check "suite poke has begun" when '^poke: ' "$boot_dir/traps.log"
# Bank 4, uncorrected and enabled, and the state of the CPU may be wrong; RIP valid.
check "a machine check on CPU 1" monitor "$socket" 'mce 1 4 0xb200000000000000 0x5 0 0'
wait "$running"
equal "the machine switched itself off" $? 0
run=$(take traps)
# how SUITE BENCH SITES: status and reason of its rows, and on how many CPUs
how() {
	awk -F, -v suite="$1" -v bench="$2" -v sites="$3" '$3 == suite && $4 ~ bench && $7 == sites {
		print $6 " " $19 ": " $20 }' "$run/results.csv" | sort -u
}
equal "suite check, with the NMIs" "$(how check . 0)" '3 ok: '
match "suite poke: the row says what hit the CPU, and where" "$(how poke batch 8)" \
	'3 fail: "(1 violations: |victims did not start: )?vector 18 \(#MC\) on cpu 1 at ([a-z0-9-]+\+)?0x[0-9a-f]+ with status 0xb200000000000000: [0-9a-f ]+$'
match "and what is there" "$(grep -m 1 ',poke,batch,' "$run/results.csv")" '[0-9a-f]{2}, [0-9]+ bytes, '
match "the screen says that it goes on without it" "$(console traps)" '^poke/batch: 1 CPU stopped by a trap, 2 left$'
equal "what came after it ran on the CPUs that were left" "$(how poke batch 9)" '2 ok: '
equal "the end says that a CPU is lost" "$(console traps | tail -n 1)" "end status=1"
match "machine.csv counts the NMIs" "$(grep ',nmis_unsent,' "$run/machine.csv")" ',[1-9][0-9]*$'
check "the stick is clean" stick_is_clean traps

# One that says that the state of the CPU is right: on the boot CPU, in a bench that takes its time.
# Between two lines of the log it may hit firmware, whose matter it is then: the machine ends, and
# another one is hit.
contained() {
	local socket=$PWD/$boot_dir/contained.monitor running
	make_stick contained '--quick --suite soak,hazard --toggles 20000\n'
	rm -f "$socket" "$boot_dir/contained.log"
	boot contained --smp 3 -- -monitor "unix:$socket,server=on,wait=off" &
	running=$!
	when_on_stick contained log.txt 'begin soak/' &&
		monitor "$socket" 'mce 0 4 0xb000000000000000 0x5 0 0' >"$boot_dir/contained.said"
	wait "$running" && run=$(take contained) && grep -q ',soak,' "$run/results.csv"
}
hit=no
for _ in 1 2 3; do contained && hit=yes && break; done
equal "a machine check on the boot CPU, and the machine switched itself off" "$hit" yes
match "the boot CPU's: it is a row" "$(grep -m 1 ',soak,' "$run/results.csv")" \
	',fail,"?(1 violations: )?vector 18 \(#MC\) on cpu 0 at [^,]* with status 0xb000000000000000: '
match "the boot CPU's: what came after it ran on all CPUs" \
	"$(awk -F, '$3 == "hazard" && $6 == 3 { print $4, $19 }' "$run/results.csv")" '^int3-batch ok$'
equal "the boot CPU's: and nothing of it is bad" \
	"$(awk -F, '$3 == "hazard" && $19 != "ok" && $19 != "skip"' "$run/results.csv")" ""
equal "the boot CPU's: the end says that a row failed" "$(console contained | tail -n 1)" "end status=1"
check "the boot CPU's: the stick is clean" stick_is_clean contained
plan
