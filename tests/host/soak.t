#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Guarantee: a million sites toggled under victims, in random layouts, leave nothing wrong behind.
# "make soak" does ten times as much. SEED=N repeats a run, whose seed is printed.

# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
# shellcheck source=tests/lib/judge.sh
. tests/lib/judge.sh

out=$B/host-soak
nr_toggles=1000000
seed=${SEED:-$((RANDOM << 15 | RANDOM))}
rm -rf "$out"
mkdir -p "$out"
echo "# repeat with SEED=$seed tests/run tests/host/soak.t"

# On one CPU there are no victims, and what is left to check is checked.
cpus=$(($(nproc) < 2 ? 1 : 2))
"$B/host/smpoke" --quick --suite soak --toggles $nr_toggles --seed "$seed" --cpus $cpus --out "$out" \
	>"$out/out" 2>&1
equal "exit status" $? 0
run=$(echo "$out"/*-host*)
judge_run "the results" "$run" host $cpus soak '' ''
equal "as many sites as asked for" "$(toggled "$run")" $nr_toggles
plan
