#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Guarantee: the host program measures everything it says it does, and its files agree with each
# other: with one CPU and two, with protection keys and without. And that the judge can say no.

# The single quotes hold scripts of sed.
# shellcheck disable=SC2016
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
# shellcheck source=tests/lib/judge.sh
. tests/lib/judge.sh

smpoke=$B/host/smpoke
out=$B/host-test
rm -rf "$out"
mkdir -p "$out"
all=check,clock,emulate,forms,places,queue,lock,primitives,alternatives,switch,sync,int3,poke,strategy,clients,module,hotplug,interfere,victim,propagation,protocols,hazard
lacks="needs irq_off|needs ring0"
grep -qw serialize /proc/cpuinfo || lacks="$lacks|needs serialize"
alone="needs smp|needs tables_freed|$lacks"
sizes=1,16,64,256

# run NAME OPTION...: a run of its own; $run is its folder
run() {
	local name=$1 status=0
	shift
	mkdir -p "$out/$name"
	"$smpoke" --quick --out "$out/$name" "$@" >"$out/$name.out" 2>&1 || status=$?
	equal "$name: exit status" "$status" 0
	equal "$name: last line" "$(tail -n 1 "$out/$name.out")" "end status=0"
	equal "$name: one folder, four files" "$(cd "$out/$name" && echo */* | tr ' ' '\n' |
		sed 's|.*/||' | tr '\n' ' ')" "log.txt machine.csv results.csv samples.csv "
	run=$(echo "$out/$name"/*)
}

fact() { sed -n "s/^[^,]*,[^,]*,$2,//p" "$1/machine.csv"; }

run one-cpu --cpus 1
judge_run "one CPU: the results" "$run" host 1 $all $sizes "$alone"
patched_itself "one CPU" "$run" up
cp -r "$run" "$out/good"

private=no
case " $(fact "$run" caps) " in *" alias_private "*) private=yes ;; esac

if [ "$(nproc)" -ge 2 ]; then
	run two-cpus --cpus 2
	# Signals cannot be held back.
	skip_reason=$lacks
	[ $private = yes ] || skip_reason="$skip_reason|needs alias_private"
	judge_run "two CPUs: the results" "$run" host 2 $all $sizes "$skip_reason"
	patched_itself "two CPUs" "$run" smp
	match "two CPUs: the kind of alias is told" "$(fact "$run" alias_kind)" '^(pkey|mprotect)$'

	export SMPOKE_NO_PKEYS=1
	run no-keys --cpus 2 --suite check,emulate,forms,poke --batch 1,64
	judge_run "no protection keys: the results" "$run" host 2 check,emulate,forms,poke 1,64 \
		"needs irq_off|needs alias_private"
	patched_itself "no protection keys" "$run" smp
	equal "no protection keys: the alias is mprotect's" "$(fact "$run" alias_kind)" mprotect
	unset SMPOKE_NO_PKEYS
	[ $private = yes ] || skip "protection keys" "this CPU has none"
else
	skip "two CPUs" "this machine has one"
fi

run noreplace-smp --cpus 1 --suite check --noreplace-smp
equal "--noreplace-smp: own LOCKs were never out" \
	"$(fact "$run" own_locks_started) $(fact "$run" own_locks_now) $(fact "$run" own_locks_to_up)" "smp smp 0"

if [ "$(nproc)" -ge 2 ]; then
	run two-way --cpus 2 --suite hotplug --smp-alt-two-way
	judge_run "--smp-alt-two-way: the results" "$run" host 2 hotplug '' "$lacks"
	run at-boot --cpus 2 --suite hotplug --smp-alt-boot
	equal "--smp-alt-boot: with more than one CPU own LOCKs were never out" \
		"$(fact "$run" own_locks_started) $(fact "$run" own_locks_to_up)" "smp 0"
fi

run same-seed --cpus 1 --suite forms --seed 4711
equal "the seed is told" "$(fact "$run" seed)" 4711
match "the options in force ask for the same run" "$(fact "$run" options)" '--suite forms .*--seed 4711'

# ---- The judge can say no: one thing wrong at a time in a copy of a good run ----

# spoiled NAME PATTERN FILE SED_SCRIPT
spoiled() {
	local found
	rm -rf "$out/spoiled"
	cp -r "$out/good" "$out/spoiled"
	sed -i -E "$4" "$out/spoiled/$3"
	if cmp -s "$out/good/$3" "$out/spoiled/$3"; then
		fail "control: $1" "the change has changed nothing"
		return
	fi
	found=$(judge "$out/spoiled" host 1 $all $sizes "$alone")
	match "control: $1" "$found" "$2"
}

equal "control: the copy itself is good" "$(judge "$out/good" host 1 $all $sizes "$alone")" ""
spoiled "a row is missing" 'missing: lock/bts-1line 90' results.csv '/bts-1line,90,/d'
spoiled "a row is there twice" 'twice: lock/bts-1line 90' results.csv '/bts-1line,90,/p'
spoiled "a row too many" 'not asked for: lock/new' results.csv '/bts-1line,90,/{p;s/bts-1line/new/}'
spoiled "a column too many" 'wrong heading' results.csv '1s/$/,more/'
spoiled "another unit" 'missing: lock/bts-1line' results.csv '/bts-1line,90,/s/tsc_mcycles/ns/'
spoiled "a fail" 'status fail: lock/bts-1line' results.csv '/bts-1line,90,/s/,ok,,/,fail,why,/'
spoiled "a hang" 'status hang: lock/bts-1line' results.csv '/bts-1line,90,/s/,ok,,/,hang,why,/'
spoiled "a skip that is not allowed" 'skipped: lock/bts-1line' results.csv \
	'/bts-1line,90,/s/,ok,,/,skip,needs smp,/'
spoiled "a skip for another reason" 'wrong reason' results.csv 's/needs smp/needs luck/'
spoiled "a violation" 'violations: bts-1line 1' results.csv '/bts-1line,90,/s/,0,ok,/,1,ok,/'
spoiled "another env" 'env tcg' results.csv '/bts-1line,90,/s/,host,/,tcg,/'
spoiled "a sync too few" 'three syncs for 256 sites: clients/tracer-300' results.csv \
	'/,tracer-300,syncs,/s/(count,[0-9]+),12/\1,11/'
spoiled "figures out of order" 'out of order: lock/bts-1line' results.csv \
	'/bts-1line,90,/s/(tsc_mcycles,[0-9]+,)[0-9]+/\199999999999/'
spoiled "a figure that is none" 'no whole number: lock/bts-1line' results.csv \
	'/bts-1line,90,/s/(tsc_mcycles,[0-9]+,)[0-9]+/\1-5/'
spoiled "too few samples" 'n below 20: lock/bts-1line' results.csv \
	'/bts-1line,90,/s/tsc_mcycles,[0-9]+/tsc_mcycles,19/'
spoiled "another run in between" 'more than one run' samples.csv '9s/,[^,]*,/,another,/'
spoiled "a sample is missing" 'not numbered' samples.csv '9d'
spoiled "a sample beyond the figures" 'beyond min or max' samples.csv '9s/[0-9]+$/99999999999/'
spoiled "samples of no row" 'not there' samples.csv '9s/^(1,[^,]*),[0-9]+/\1,9999/'
spoiled "not complete" 'not complete' machine.csv 's/complete,yes/complete,no/'
spoiled "no build" 'has no build' machine.csv '/,build,/d'
spoiled "another number of rows" 'rows: 1' machine.csv 's/,rows,[0-9]+/,rows,1/'
spoiled "a log that ends early" 'log.txt ends in' log.txt '$d'
spoiled "blank lines in a table" 'blank lines' results.csv '$s/$/\n/'
plan
