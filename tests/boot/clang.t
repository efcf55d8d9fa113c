#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Guarantee: the image that another compiler makes of the same sources with the same linker script
# does on the same machine what the shipped one does (tests/boot/runs.t). What one compiler only
# happens to do right shows here.

# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
# shellcheck source=tests/lib/judge.sh
. tests/lib/judge.sh
# shellcheck source=tests/lib/boot.sh
. tests/lib/boot.sh

suites=check,emulate
[ -z "${MATRIX:-}" ] || suites=check,emulate,forms,places,queue,lock,alternatives,switch,poke,clients,module
make_stick clang "--quick --suite $suites --batch 16\n" startup.nsh "$B/clang/smpoke.efi"
boot clang --smp 2
equal "the machine switched itself off" $? 0
equal "last line" "$(console clang | tail -n 1)" "end status=0"
run=$(take clang)
judge_run "the results" "${run:-nothing}" tcg 2 "$suites" 16 ''
match "machine.csv says which compiler" "$(grep ',compiler,' "$run/machine.csv")" '[Cc]lang'
patched_itself clang "$run" smp
plan
