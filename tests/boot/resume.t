#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Guarantee: a bench that hangs costs its rows and no more. The dead-man timer ends the machine; the
# next start has rows for what hung, leaves it out, and goes on behind it, so that the two runs
# together have each row once. A run that is over and started the machine again is not repeated.

# Most functions here are called by check(), which shellcheck cannot see.
# shellcheck disable=SC2317
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
# shellcheck source=tests/lib/judge.sh
. tests/lib/judge.sh
# shellcheck source=tests/lib/boot.sh
. tests/lib/boot.sh

all_of() { sed -n "s/^check \([^ +]*\)[ +].*/\1/p" tests/lib/expected.txt; }

make_stick resume '--quick --suite check --then reboot\n' startup.nsh "$B/fault/efi/BENCH_HANGS.efi"
status=0
boot resume --smp 2 || status=$?
equal "the machine was started again" "$status" 0
equal "and not by an end of the run" "$(console resume | grep -c '^end status=')" 0
check "the stick is clean" stick_is_clean resume
taken=$(tools/take-results "$boot_dir/resume.img" "$boot_dir/resume.first")
match "the log says why, and the line before says in what" \
	"$(tail -n 2 "$taken/log.txt" | tr '\n' ' ')" 'begin check/irq-held-back .*no end: the machine is started again'
done_before=$(awk -F, 'NR > 1 { print $4 }' "$taken/results.csv")
equal "every row before it is there" "$(wc -w <<<"$done_before")" 3
rm -rf "$boot_dir/resume.first"

# The same stick, with the program as it is.
mcopy -o -i "$boot_dir/resume.img@@1M" "$B/smpoke.efi" ::/EFI/BOOT/BOOTX64.EFI
status=0
boot resume --smp 2 || status=$?
equal "the second start came to its end, and started the machine again" "$status" 0
match "the screen says what it goes on from" "$(console resume)" '^goes on from RUN0001, '
check "the stick is clean, too" stick_is_clean resume
rm -rf "$boot_dir/resume.results"
mapfile -t runs < <(tools/take-results "$boot_dir/resume.img" "$boot_dir/resume.results")
equal "two runs are on it" "${#runs[@]}" 2
equal "together they have each bench once, in order" \
	"$(awk -F, 'FNR > 1 { print $4 }' "${runs[@]/%//results.csv}")" "$(all_of)"
equal "the one that hung is a row" "$(awk -F, '$19 == "hang" { print FILENAME ": " $4 ": " $20 }' \
	"${runs[@]/%//results.csv}" | sed 's/.*-tcg[-2]*.results.csv: //')" \
	"irq-held-back: it was under way when the run before this one stopped"

# The boot CPU may be in firmware while a bench runs; its timer is heard there, too.
make_stick conductor '--quick --suite check --mp-rung conductor\n' startup.nsh "$B/fault/efi/BENCH_HANGS.efi"
status=0
boot conductor --smp 3 || status=$?
equal "in firmware: the machine was started again" "$status" 0
check "in firmware: the stick is clean" stick_is_clean conductor
taken=$(take conductor)
match "in firmware: the log says why, and in what" \
	"$(tail -n 2 "$taken/log.txt" | tr '\n' ' ')" 'begin check/irq-held-back .*no end: the machine is started again'
equal "in firmware: every row before it is there" "$(wc -l <"$taken/results.csv")" 4

# One more boot: only "make matrix" has the time.
[ -n "${MATRIX:-}" ] || plan
status=0
boot resume --smp 2 || status=$?
equal "a third start ends by itself" "$status" 0
match "says that nothing is left to do" "$(console resume)" '^smpoke: RUN0002 is complete'
equal "and leaves nothing" "$(runs_on resume | grep -c /RUN)" 2
plan
