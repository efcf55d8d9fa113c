#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Guarantees about what is linked: no section of the UEFI image is writable and executable, none
# that is needed was left behind on the way to the PE file, and nothing in the path of #BP can be
# patched.

# Most functions here are called by check() and refute(), which shellcheck cannot see.
# shellcheck disable=SC2317
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
wanted=$(sed -n 's/^PE_SECTIONS = //p' Makefile)

sections_are_good() {
	local name first last rights entry page='' bad=0 nr=0
	while read -r name first last rights entry; do
		nr=$((nr + 1))
		[[ $rights != *w*x* ]] || { echo "$name is writable and executable" && bad=1; }
		[[ $rights == r* ]] || { echo "$name cannot be read" && bad=1; }
		[[ $name != /* ]] || { echo "a name of over 8 characters, $name" && bad=1; }
		[[ $rights != *x* || $name == .text ]] || { echo "$name is executable" && bad=1; }
		[ $((first % 4096)) -eq 0 ] || { echo "$name begins within a page" && bad=1; }
		[ "$((first / 4096))" != "$page" ] || { echo "$name shares a page" && bad=1; }
		[ -z "$entry" ] || [ "$name" = .text ] || { echo "the entry point is in $name" && bad=1; }
		page=$((last / 4096))
	done < <(tests/tree/pe-sections "$1")
	[ "$nr" -gt 0 ] || { echo "$1 has no sections" && bad=1; }
	return "$bad"
}

check "sections of the image: W^X, short names, pages of their own" sections_are_good "$B/smpoke.efi"
equal "the image has the sections of the Makefile's list, all of them" \
	"$(tests/tree/pe-sections "$B/smpoke.efi" | cut -d' ' -f1 | tr '\n' ' ')" "$wanted "
match "the entry point is in .text" "$(tests/tree/pe-sections "$B/smpoke.efi")" '^\.text .* entry$'
match "it is an EFI application" "$(objdump -p "$B/smpoke.efi")" '^Subsystem[[:space:]]+0*a\>'

perl -0777 -pe 's/(\.data\0\0\0.{28})(....)/$1 . pack("V", unpack("V", $2) | 1 << 29)/se' \
	"$B/smpoke.efi" >"$work/wx.efi"
refute "control: a section that is writable and executable" 'writable and executable' \
	sections_are_good "$work/wx.efi"
perl -0777 -pe 's/\.rodata\0/\/4\0\0\0\0\0\0/' "$B/smpoke.efi" >"$work/long.efi"
refute "control: a name that does not fit" 'over 8 characters' sections_are_good "$work/long.efi"
equal "no name of the list was cut to fit" "$(tr ' ' '\n' <<<"$wanted" | grep -E '.{9}')" ""

# What the PE file does without: tables of the dynamic linker, which nobody reads.
left_behind() {
	objdump -h "$1" | awk -v wanted=" $wanted .dynsym .dynstr .hash " '
		$1 ~ /^[0-9]+$/ { name = $2 }
		/ALLOC/ && !index(wanted, " " name " ") { print name }'
}

equal "no section that is loaded was left out of the image" "$(left_behind "$B/smpoke.so")" ""
objcopy --rename-section .rela=.orphan "$B/smpoke.so" "$work/orphan.so"
equal "control: a section outside of the list" "$(left_behind "$work/orphan.so")" ".orphan"

equal "relocations are of the one kind that the start-up code does" \
	"$(readelf -rW "$B/smpoke.so" | awk '/R_X86_64/ && $3 != "R_X86_64_RELATIVE"')" ""
equal "no symbol is undefined" "$(nm -u "$B/smpoke.so")" ""
equal "no vector register is used, which a trap would not save" \
	"$(objdump -d --no-show-raw-insn "$B/smpoke.so" | grep -cE '%[xyz]mm[0-9]')" 0

# ---- The path of #BP ----

# Ways out that are meant: the hooks of #BP and of interrupts,
# and the ends of a trap that is not ours, which do not come back to the patched code.
check "UEFI: nothing in .noinstr.text can be patched, and nothing leaves it" \
	tests/tree/check-noinstr "$B/smpoke.so" 'trap_breakpoint>*' \
	'trap_breakpoint>trap_end_procedure' 'trap_common>trap_handle' \
	'fixed_interrupt>*' 'nmi_interrupt>*'
check "host: nothing in .noinstr.text can be patched, and nothing leaves it" \
	tests/tree/check-noinstr "$B/host/smpoke" 'on_trap>*' \
	'on_trap>leave_by_fault' 'require_trap>host_die' 'on_trap>host_die'

# The control: the same operations, planted into the section.
cat >"$work/planted.c" <<'END'
#include "atomic.h"
u32 word;
__attribute__((noinline)) void outside(void) { word = 1; }
noinstr u32 patchable(void) { return atomic_fetch_add(&word, 1); }
noinstr void leaves(void) { outside(); __asm__ volatile(""); }
u32 fine(void) { return atomic_fetch_add(&word, 2); }
END
gcc -O1 -fPIC -shared -fvisibility=hidden -Wl,-Bsymbolic -Iinclude "$work/planted.c" -o "$work/planted.so" \
	-Wl,-u,patchable -Wl,-u,leaves
refute "control: a LOCK_PREFIX in .noinstr.text" 'LOCK_PREFIX at 0x[0-9a-f]+ is in .noinstr.text' \
	tests/tree/check-noinstr "$work/planted.so"
refute "control: a call out of .noinstr.text" '^leaves>outside' \
	tests/tree/check-noinstr "$work/planted.so"
equal "control: and only the one of the two that is in there" \
	"$(tests/tree/check-noinstr "$work/planted.so" | grep -c LOCK_PREFIX)" 1
plan
