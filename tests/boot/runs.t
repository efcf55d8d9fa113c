#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Guarantee: the real image on the real firmware, with 1, 2 and 4 CPUs, proves its promises, patches
# code that other CPUs run, and brings home files that agree with each other, on a clean stick.

# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
# shellcheck source=tests/lib/judge.sh
. tests/lib/judge.sh
# shellcheck source=tests/lib/boot.sh
. tests/lib/boot.sh

# run NAME CPUS SUITES BATCHES SKIP_REASON [ARGUMENTS OF run-qemu]; $run is the folder taken
run() {
	local name=$1 cpus=$2 suites=$3 sizes=$4 skip_reason=$5 status=0
	shift 5
	make_stick "$name" "# a test\n--quick --suite $suites\n--batch $sizes\n"
	boot "$name" --smp "$cpus" "$@" || status=$?
	equal "$name: the machine switched itself off" "$status" 0
	equal "$name: last line" "$(console "$name" | tail -n 1)" "end status=0"
	match "$name: the screen says that it is emulated" "$(console "$name")" '^EMULATED \(tcg\)'
	check "$name: the stick is clean" stick_is_clean "$name"
	run=$(take "$name")
	judge_run "$name: the results" "${run:-nothing}" tcg "$cpus" "$suites" "$sizes" "$skip_reason"
}

fact() { sed -n "s/^[^,]*,[^,]*,$1,//p" "$run/machine.csv"; }

run smp2 2 check,clock,emulate,forms,places,queue,lock,primitives,alternatives,switch,sync,poke,strategy,clients,module,hotplug,interfere,int3,victim,propagation,protocols,hazard 1,16,64,256 \
	'needs serialize|needs silicon'
equal "smp2: no CPU is missing" "$(fact up_reason)" ""
match "smp2: what each CPU says of itself" "$(fact cpu1)" \
	'^apic 1 package 0 core 1 thread 0 core microcode 0x[0-9a-f]+$'
equal "smp2: as many as the machine's own list has; none is switched off or broken" \
	"$(fact nr_cpus_acpi) $(fact nr_cpus_disabled) $(fact nr_cpus_unhealthy)" "2 0 0"
equal "smp2: firmware changed nothing that it has to leave alone" "$(fact 'warning_[0-9]*')" ""
match "smp2: what CPUs promise here" "$(fact caps)" '^smp ring0 irq_off alias_private'
equal "smp2: without SERIALIZE a sync executes IRET" "$(fact sync_instruction)" iret
equal "smp2: settling was needed and counted apart" \
	"$(awk -F, '$5 == "settle" && $13 == 0' "$run/results.csv")" ""

patched_itself smp2 "$run" smp
match "smp2: time stamps are RDTSCP" "$(cat "$run/log.txt")" \
	', 8 bytes, rdtscp: 0f ae e8 0f 31 0f ae e8 -> 0f 01 f9 0f ae e8 66 90$'

run smp1 1 check,clock,emulate,forms,places,queue,lock,primitives,alternatives,switch,sync,poke,strategy,clients,module,hotplug,interfere,int3,victim,propagation,split,protocols,hazard 1,16 'needs smp|needs serialize|needs silicon'
patched_itself smp1 "$run" up
match "smp1: machine.csv says why it runs on one CPU" "$(fact up_reason)" '[a-z]{3,}'
match "smp1: the screen says why" "$(console smp1)" '^why not more CPUs: .*[a-z]{3,}'

run smp4 4 check,forms,sync,poke,interfere 1,8,64 'needs serialize'

make_stick noreplace '--quick --suite check --cpus 1 --noreplace-smp\n'
boot noreplace --smp 2
run=$(take noreplace)
equal "--noreplace-smp: own LOCKs were never out" \
	"$(fact own_locks_started) $(fact own_locks_now) $(fact own_locks_to_up)" "smp smp 0"

make_stick two-way '--quick --suite check,hotplug --smp-alt-two-way\n'
boot two-way --smp 3
run=$(take two-way)
judge_run "--smp-alt-two-way: the results" "${run:-nothing}" tcg 3 check,hotplug '' 'needs tables_freed'
equal "--smp-alt-two-way: its tables stay, its LOCKs are back" \
	"$(fact own_lock_table_freed_bytes) $(fact own_locks_now)" "0 smp"

# Each with a way to start CPUs that this firmware, which does the first, would not need.
for pair in mov-cr2,each cpuid,timer; do
	how=${pair%,*} rung=${pair#*,}
	make_stick "$how" "--quick --suite forms --serialize $how --mp-rung $rung\n"
	boot "$how" --smp 2
	equal "--mp-rung $rung: last line" "$(console "$how" | tail -n 1)" "end status=0"
	check "--mp-rung $rung: the stick is clean" stick_is_clean "$how"
	run=$(take "$how")
	equal "--mp-rung $rung: it is the one that worked, and the only one tried" \
		"$(fact mp_rung) $(fact mp_rung_all) $(fact "mp_rung_$rung")" "$rung  CPUs came"
	judge_run "--serialize $how: the results" "${run:-nothing}" tcg 2 forms '' ''
	equal "--serialize $how: it is what a sync executed" "$(fact sync_instruction)" "$how"
done

# As "make usb" makes it: the options file that a person edits is one.
make_stick usb "$(sed -e 's/^# \(--quick\) .*/\1/' -e 's/^# --suite .*/--suite check/' \
	-e 's/$/\\n/' tools/stick/smpoke.cfg | tr -d '\n')"
check "usb: the partition table is whole" /usr/sbin/sfdisk -q --verify "$boot_dir/usb.img"
match "usb: its one partition is an EFI system partition" \
	"$(/usr/sbin/sfdisk -d "$boot_dir/usb.img")" 'type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B'
boot usb --smp 2
run=$(take usb)
judge_run "usb: its options file is in force" "${run:-nothing}" tcg 2 check '' ''
plan
