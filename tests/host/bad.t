#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Guarantee: bad input gives one clear line and the exit status for its kind, measures nothing, and
# leaves nothing behind.

# What stands in single quotes is for a shell in a mount name space of its own.
# shellcheck disable=SC2016
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"

smpoke=$PWD/$B/host/smpoke
[[ $B != /* ]] || smpoke=$B/host/smpoke
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT

# bad NAME STATUS PATTERN OPTION...: run in an empty folder of its own
bad() {
	local name=$1 want=$2 pattern=$3 got=0 output left
	shift 3
	mkdir "$work/cwd"
	output=$(cd "$work/cwd" && "$smpoke" "$@" 2>&1) || got=$?
	left=$(find "$work/cwd" -mindepth 1)
	rm -rf "$work/cwd"
	if [ "$got" -eq "$want" ] && [ -z "$left" ] && [ "$(wc -l <<<"$output")" -eq 1 ] &&
		grep -qE -- "$pattern" <<<"$output"; then
		pass "$name"
	else
		fail "$name" "status $got, wanted $want; left behind: ${left:-nothing}" \
			"wanted one line that matches $pattern, got:" "$output"
	fi
}

usage=2 medium=3 machine=4
bad "an unknown option" $usage '--quikc.*--quick' --quikc
bad "an unknown option among good ones" $usage '--fast' --quick --fast --cpus 1
bad "a word that is no option" $usage 'quick' quick
bad "an option without its value" $usage '--cpus' --cpus
bad "99 CPUs" $usage '99.*this machine has [0-9]+' --cpus 99
bad "no CPUs" $usage '--cpus' --cpus 0
bad "CPUs that are no number" $usage '--cpus' --cpus two
bad "an unknown suite" $usage 'nosuch.*check.*forms.*lock.*poke' --suite nosuch
bad "an unknown suite among good ones" $usage 'nosuch' --suite check,nosuch
bad "a batch too large" $usage '257' --batch 1,257
bad "a batch of none" $usage '--batch' --batch 0
bad "an end that there is not" $usage 'poweroff' --then sleep
bad "an instruction that does not serialise" $usage 'lfence.*mov-cr2' --serialize lfence
bad "an instruction that this machine has not got" $machine 'mov-cr2: this machine has not got it' \
	--serialize mov-cr2
bad "a mode of interrupts that this machine has not got" $machine \
	'x2apic: this machine has no such choice' --x2apic
bad "a mode that goes with another way to start CPUs" $usage 'takes --mp-rung sipi' \
	--x2apic --mp-rung all
bad "a seed that does not fit" $usage '--seed' --seed 99999999999999999999999

bad "a folder that cannot be made" $medium 'missing/deep' --quick --out missing/deep
bad "a file where the folder should be" $medium '/dev/null' --quick --out /dev/null
bad "a place where nobody may write" $medium '/proc/smpoke' --quick --out /proc/smpoke

# Whoever runs this, root too, cannot write to a file system that is mounted read-only.
read_only=$(awk '$4 ~ /^ro(,|$)/ && $3 != "proc" && $3 != "sysfs" { print $2; exit }' /proc/mounts)
if [ -n "$read_only" ]; then
	bad "a file system that is read-only" $medium 'read-only|no permission' --quick --out "$read_only"
elif [ "$(id -u)" -ne 0 ]; then
	mkdir -m 555 "$work/locked"
	bad "a folder that is read-only" $medium 'locked' --quick --out "$work/locked"
elif unshare -m true 2>/dev/null; then
	mkdir "$work/locked"
	got=0
	output=$(unshare -m sh -c 'mount -t tmpfs -o ro none "$1" && "$2" --quick --out "$1"' sh \
		"$work/locked" "$smpoke" 2>&1) || got=$?
	equal "a file system that is read-only: status" "$got" $medium
	match "a file system that is read-only: the line" "$output" 'read-only'
else
	skip "a file system that is read-only" "there is none, and none can be mounted"
fi

# A volume too small for what the run preallocates.
if unshare -m true 2>/dev/null; then
	mkdir "$work/small"
	got=0
	output=$(unshare -m sh -c 'mount -t tmpfs -o size=64k none "$1" && { "$2" --quick --out "$1"
		status=$?; ls -A "$1"; exit $status; }' sh "$work/small" "$smpoke" 2>&1) || got=$?
	equal "a volume that is full: status" "$got" $medium
	match "a volume that is full: the line" "$output" 'too little space|full'
	equal "a volume that is full: nothing is left" "$(wc -l <<<"$output")" 1
else
	skip "a volume that is full" "no file system can be mounted here"
fi

# damaged NAME OFFSET BYTES PATTERN: a program whose table of alternatives has BYTES at OFFSET
damaged() {
	local smpoke=$work/damaged table
	table=$(readelf -SW "$whole" | sed -n 's/^ *\[ *[0-9]*\] *//p' |
		awk '$1 == ".alttable" { print $4 }')
	cp "$whole" "$smpoke"
	printf '%b' "$3" | dd of="$smpoke" bs=1 conv=notrunc status=none seek=$((16#$table + $2))
	bad "its own table: $1" $machine "own text could not be patched: .*$4" --version
}
whole=$smpoke
damaged "a feature that there is not" $((14 + 8)) '\xff\x7f' \
	'there is no feature of this number; entry 1 of its alternatives; text\+0x[0-9a-f]+$'
damaged "a replacement longer than its site" 13 '\xff' 'is longer than its site; entry 0 of'
damaged "a site outside of the text" 0 '\0\0\0\x10' 'outside registered text; entry 0 of'
damaged "a site within an instruction" 12 '\x16' 'in the middle of an instruction; entry 0 of'
check "control: the program as it is" "$whole" --version

# The controls: questions are answered, and a folder that can be made is made.
for option in --help --version --list; do
	check "control: $option" "$smpoke" "$option"
done
mkdir "$work/cwd"
check "control: the last folder of --out is made" "$smpoke" --quick --cpus 1 --suite check \
	--out "$work/cwd/made"
check "control: and has a run in it" test -s "$work"/cwd/made/*/results.csv
plan
