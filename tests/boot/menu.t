#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Guarantee: a key at the start opens the menu, and each of its lines does what it says; without a
# key the run begins by itself.

# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
# shellcheck source=tests/lib/judge.sh
. tests/lib/judge.sh
# shellcheck source=tests/lib/boot.sh
. tests/lib/boot.sh

fact() { sed -n "s/^[^,]*,[^,]*,$1,//p" "$run/machine.csv"; }

# ---- From the shell, so that one boot comes back from each ----

nsh=$boot_dir/menu.nsh
cat >"$nsh" <<'END'
@echo -off
for %i in 0 1 2 3 4 5 6 7 8 9
  if exist FS%i:\smpoke.efi then
    FS%i:
  endif
endfor
smpoke.efi --menu 60 --suite forms --then exit
echo left=%lasterror%
smpoke.efi --menu 60 --suite forms --then exit
echo quick=%lasterror%
smpoke.efi --quick --suite forms --then exit
echo asked=%lasterror%
reset -s
END
make_stick menu '--quick\n' "$nsh"
status=0
prompt='a key within 60 s opens the menu'
boot_watched menu --smp 2 --boot shell
check "a key opens the menu" press menu "$prompt" spc
check "info is asked for" press menu '^  i +info' i
check "info is longer than a screen, and waits" press menu '^-- any key: more' spc
check "a second screen of it" press menu '2*^-- any key: more' esc
check "the menu is back, and left" press menu '2*^  s +shell' s
check "quick is asked for" press menu "2*$prompt" spc
check "quick is chosen" press menu '3*^  q +quick' shift-q
wait $! || status=$?
equal "the shell ended the machine" "$status" 0
lines=$(console menu)
match "info: facts of this machine" "$lines" '^cpu_brand +[A-Z]'
match "info: and of its firmware" "$lines" '^firmware_vendor +EDK II'
match "shell: leaving is no error" "$lines" '^left=0x0$'
match "quick: it ran" "$lines" '^quick=0x0$'
match "quick: it is the plan" "$lines" '^plan quick, seed [0-9]+$'
equal "who typed options is not asked" "$(sed -n '/^quick=/,/^asked=/p' <<<"$lines" | grep -c 'opens the menu')" 0
equal "nothing was measured before quick was" "$(sed '/^left=/q' <<<"$lines" | grep -cE '^(plan|forms)')" 0
equal "and nothing is left of it" "$(runs_on menu | grep -c /RUN)" 2
check "the stick is clean" stick_is_clean menu

# ---- As "make usb" makes it, with nobody there ----

make_stick nobody "$(sed -e 's/^# \(--quick\) .*/\1/' -e 's/^# --suite .*/--suite forms/' \
	-e 's/$/\\n/' tools/stick/smpoke.cfg | tr -d '\n')# nothing is said of --menu\n"
boot nobody --smp 2
lines=$(console nobody)
match "nobody: three seconds for a key" "$lines" '^a key within 3 s opens the menu$'
equal "nobody: no menu" "$(grep -cE '^  q ' <<<"$lines")" 0
equal "nobody: last line" "$(tail -n 1 <<<"$lines")" "end status=0"
run=$(take nobody)
judge_run "nobody: the results" "${run:-nothing}" tcg 2 forms '' ''
equal "nobody: the plan is that of the file" "$(fact plan)" quick
plan
