#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Guarantee: the image does on every machine of tests/boot/matrix.txt what stands there. Without
# MATRIX only the lines marked "test"; CASES="name ..." takes those alone.

# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
# shellcheck source=tests/lib/judge.sh
. tests/lib/judge.sh
# shellcheck source=tests/lib/boot.sh
. tests/lib/boot.sh

table=tests/boot/matrix.txt

# expect_run NAME CPUS FACT=PATTERN...
expect_run() {
	local name=$1 cpus=$2 run bad fact
	shift 2
	equal "$name: last line" "$(console "$name" | tail -n 1)" "end status=0"
	check "$name: the volume needs no repair" stick_is_clean "$name"
	run=$(take "$name") || { fail "$name: there is a run on it" && return; }
	bad=$(awk -F, 'NR > 1 && $19 != "ok" && $19 != "skip"' "$run/results.csv")
	equal "$name: no row is bad" "$bad" ""
	equal "$name: firmware changed nothing" "$(grep ',warning_[0-9]*,' "$run/machine.csv")" ""
	for fact in "nr_cpus_started=^$cpus\$" "$@"; do
		match "$name: ${fact%%=*}" "$(sed -n "s/^[^,]*,[^,]*,${fact%%=*},//p" "$run/machine.csv")" \
			"${fact#*=}"
	done
}

# judge_case NAME STATUS EXPECTATION
judge_case() {
	local name=$1 status=$2 want=$3
	case $want in
	refused)
		equal "$name: firmware did not start it" "$(console "$name" | grep -c smpoke)" 0
		match "$name: and says so" "$(cat "$boot_dir/$name.log")" 'Access Denied'
		return
		;;
	esac
	equal "$name: the machine switched itself off" "$status" 0
	case $want in
	line\ *)
		match "$name: it is named" "$(console "$name")" "^smpoke: .*${want#line }"
		equal "$name: in one line" "$(console "$name" | wc -l)" 1
		;;
	ends\ *)
		read -r _ status want <<<"$want"
		equal "$name: last line" "$(console "$name" | tail -n 1)" "end status=$status"
		match "$name: it is named" "$(console "$name")" "$want"
		;;
	*)
		# shellcheck disable=SC2086 # facts, each without a blank
		expect_run "$name" $want
		;;
	esac
}

# with_event NAME PATTERN COMMAND ARGUMENTS OF boot
with_event() {
	local name=$1 pattern=$2 command=$3 socket=$PWD/$boot_dir/$1.monitor
	shift 3
	rm -f "$socket" "$boot_dir/$name.log"
	boot "$name" "$@" -monitor "unix:$socket,server=on,wait=off" &
	check "$name: the moment came" when "$pattern" "$boot_dir/$name.log"
	check "$name: $command" monitor "$socket" "$command"
	wait $!
}

run_case() {
	local name=$1 arguments=$2 options=$3 want=$4 status=0 firmware pattern command
	[[ $want != skip\ * ]] || { skip "$name" "${want#skip }" && return; }
	if [[ $want =~ ^from\ QEMU\ ([0-9]+)\;\ (.*)$ ]]; then
		want=${BASH_REMATCH[2]}
		[ "$qemu" -ge "${BASH_REMATCH[1]}" ] ||
			{ skip "$name" "needs QEMU ${BASH_REMATCH[1]}, and this is $qemu" && return; }
	fi
	firmware=$(sed -n 's/.*--ovmf \([^ ]*\).*/\1/p' <<<"$arguments")
	[ -z "$firmware" ] || [ -f "$firmware" ] || { skip "$name" "there is no $firmware" && return; }
	[[ $options == *--suite* ]] || options="--suite check,forms $options"
	make_stick "$name" "--quick $options\n"
	# shellcheck disable=SC2086 # arguments, each without a blank
	if [[ $want =~ ^when\ (.*)\ do\ (.*)\;\ (.*)$ ]]; then
		pattern=${BASH_REMATCH[1]} command=${BASH_REMATCH[2]} want=${BASH_REMATCH[3]}
		with_event "$name" "$pattern" "$command" $arguments || status=$?
	else
		boot "$name" $arguments || status=$?
	fi
	judge_case "$name" "$status" "$want"
	rm -f "$boot_dir/$name.img"
}

qemu=$(qemu-system-x86_64 --version | sed -n 's/.*version \([0-9]*\).*/\1/p')
nr=0
while IFS='|' read -r name speed arguments options want; do
	read -r name <<<"$name"
	[[ -n $name && $name != \#* ]] || continue
	nr=$((nr + 1))
	if [ -n "${CASES:-}" ]; then
		[[ " $CASES " == *" $name "* ]] || continue
	else
		[[ -n ${MATRIX:-} || $speed == *test* ]] || continue
	fi
	read -r arguments <<<"$arguments"
	read -r options <<<"$options"
	read -r want <<<"$want"
	run_case "$name" "$arguments" "$options" "$want" </dev/null
done <"$table"
check "the table has all of its machines" test "$nr" -ge 24
plan
