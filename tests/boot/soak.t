#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Guarantee: the same as tests/host/soak.t for the image, on an emulator with two CPUs. "make soak"
# does more. SEED=N repeats a run, whose seed is printed.

# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
# shellcheck source=tests/lib/judge.sh
. tests/lib/judge.sh
# shellcheck source=tests/lib/boot.sh
. tests/lib/boot.sh

nr_toggles=20000
seed=${SEED:-$((RANDOM << 15 | RANDOM))}
echo "# repeat with SEED=$seed tests/run tests/boot/soak.t"

make_stick soak "--quick --suite soak --toggles $nr_toggles --seed $seed\n"
boot soak --smp 2
equal "the machine switched itself off" $? 0
equal "last line" "$(console soak | tail -n 1)" "end status=0"
run=$(take soak)
judge_run "the results" "${run:-nothing}" tcg 2 soak '' ''
equal "as many sites as asked for" "$(toggled "$run")" $nr_toggles
plan
