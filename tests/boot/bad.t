#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Guarantee: bad input on the real image gives one clear line, measures nothing and leaves nothing
# behind, and the machine ends by itself. From the UEFI shell the exit status says so, too.

# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
# shellcheck source=tests/lib/judge.sh
. tests/lib/judge.sh
# shellcheck source=tests/lib/boot.sh
. tests/lib/boot.sh

# refused NAME WHAT PATTERN [ARGUMENTS OF run-qemu]: of a stick that is made already
refused() {
	local name=$1 what=$2 pattern=$3 status=0 lines
	shift 3
	boot "$name" --smp 1 "$@" || status=$?
	lines=$(console "$name")
	equal "$what: the machine switched itself off" "$status" 0
	match "$what: it is named" "$lines" "^smpoke: .*$pattern"
	equal "$what: in one line, and nothing else" "$(wc -l <<<"$lines")" 1
	equal "$what: nothing is left on the stick" "$(runs_on "$name")" ""
	check "$what: the stick is clean" stick_is_clean "$name"
}

make_stick unknown '--quick\n--quikc\n'
refused unknown "an unknown option" 'smpoke\.cfg:2: --quikc.*--quick'

make_stick cut '--quick --suite che'
refused cut "an options file that is cut off" 'smpoke\.cfg:1: cut off'

make_stick cpus99 '--cpus 99\n'
refused cpus99 "99 CPUs" '99.*this machine has 1$'

make_stick serialize '--serialize serialize\n'
refused serialize "an instruction that this CPU has not got" \
	'--serialize serialize: this machine has not got it$'

make_stick full '--quick --suite check\n'
free=$(mdir -i "$boot_dir/full.img@@1M" :: | sed -n 's/ //g; s/bytesfree//p')
truncate -s $((free - 65536)) "$boot_dir/filling"
mcopy -i "$boot_dir/full.img@@1M" "$boot_dir/filling" ::/filling
rm "$boot_dir/filling"
refused full "a volume that is full" 'cannot be stored.*65536'

make_stick readonly '--quick --suite check\n'
refused readonly "a volume that is read-only" 'cannot be stored.*read-only' -- \
	-set drive.stick.readonly=on

# ---- From the UEFI shell: options on its command line, the exit status in its variable ----

# The stick's own startup.nsh with options in it, as a person would write them there.
nsh=$boot_dir/startup.nsh
sed 's/%1 %2 %3 .*/--quick --suite check --cpus 1 --then poweroff/' startup.nsh >"$nsh"
if cmp -s startup.nsh "$nsh"; then
	fail "shell: the options stand in startup.nsh" "the line with %1 was not found"
fi
# What the file says must not count when there are arguments.
make_stick shell '--quikc\n' "$nsh"
status=0
boot shell --smp 2 --boot shell || status=$?
equal "shell: the machine switched itself off" "$status" 0
run=$(take shell)
judge_run "shell: the options of startup.nsh, and not the file's, are in force" \
	"${run:-nothing}" tcg 1 check '' 'needs smp|needs tables_freed'
check "shell: the stick is clean" stick_is_clean shell

cat >"$nsh" <<'END'
@echo -off
for %i in 0 1 2 3 4 5 6 7 8 9
  if exist FS%i:\smpoke.efi then
    FS%i:
  endif
endfor
smpoke.efi --quikc
echo bad=%lasterror%
smpoke.efi --quick --suite check --cpus 1 --then exit
echo good=%lasterror%
smpoke.efi --version
echo version=%lasterror%
reset -s
END
make_stick status '--quick\n' "$nsh"
status=0
boot status --smp 2 --boot shell || status=$?
lines=$(console status)
equal "shell: it came back three times, and the shell ended the machine" "$status" 0
match "shell: a bad option gives a status that is not 0" "$lines" '^bad=0x[0-9A-F]*[1-9A-F]'
match "shell: and its line" "$lines" '^smpoke: --quikc'
match "shell: a good run gives 0" "$lines" '^good=0x0$'
match "shell: an answer gives 0" "$lines" '^version=0x0$'
match "shell: the version" "$lines" '^smpoke [0-9]+\.[0-9]+\.[0-9]+$'
run=$(take status)
judge_run "shell: the results of the run in between" "${run:-nothing}" tcg 1 check '' 'needs smp|needs tables_freed'
plan
