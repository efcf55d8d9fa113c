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

nx_compat() { objdump -p "$1" | grep -A 1 DllCharacteristics | grep -qw NX_COMPAT; }
while read -r image; do
	check "$image: the header says that nothing is writable and executable" nx_compat "$B/$image"
	check "$image: and nothing is" sections_are_good "$B/$image"
done <<<"smpoke.efi
clang/smpoke.efi"
match "sections are whole pages" "$(objdump -p "$B/smpoke.efi")" '^SectionAlignment[[:space:]]+0*1000$'

# Firmware that keeps its word maps what is not writable read-only before efi_start() relocates it.
is_relocated_in() {
	local at first last
	read -r _ first last _ < <(tests/tree/pe-sections "$1" | grep "^$2 ")
	while read -r at; do
		if [ $((at)) -lt $((first)) ] || [ $((at + 7)) -gt $((last)) ]; then
			echo "relocated outside of $2: $at" && return 1
		fi
	done < <(tests/tree/pe-relocated "$1")
}
check "what is relocated is in the section that can be written" is_relocated_in "$B/smpoke.efi" .data
refute "control: and in no other" 'relocated outside of .rodata' is_relocated_in "$B/smpoke.efi" .rodata

# What sets the flag looks for itself.
refuses() { cp "$1" "$work/refused.efi" && tools/mark-nx "$work/refused.efi"; }
perl -0777 -pe 's/(\.data\0\0\0.{28})(....)/$1 . pack("V", unpack("V", $2) | 1 << 29)/se' \
	"$B/smpoke.efi" >"$work/wx.efi"
refute "control: a section that is writable and executable is not marked" 'writable and executable' \
	refuses "$work/wx.efi"
perl -0777 -pe 's/(\.text\0\0\0.{28})(....)/$1 . pack("V", unpack("V", $2) & ~(1 << 29))/se' \
	"$B/smpoke.efi" >"$work/code.efi"
refute "control: nor is code in data" 'has code and cannot be executed' refuses "$work/code.efi"

perl -0777 -pe 's/(\.data\0\0\0.{28})(....)/$1 . pack("V", unpack("V", $2) | 1 << 29)/se' \
	"$B/smpoke.efi" >"$work/wx.efi"
refute "control: a section that is writable and executable" 'writable and executable' \
	sections_are_good "$work/wx.efi"
perl -0777 -pe 's/\.rodata\0/\/4\0\0\0\0\0\0/' "$B/smpoke.efi" >"$work/long.efi"
refute "control: a name that does not fit" 'over 8 characters' sections_are_good "$work/long.efi"
equal "no name of the list was cut to fit" "$(tr ' ' '\n' <<<"$wanted" | grep -E '.{9}')" ""

# What the PE file does without: tables of the dynamic linker, which nobody reads.
left_behind() {
	objdump -h "$1" | awk -v wanted=" $wanted .dynamic .dynsym .dynstr .hash " '
		$1 ~ /^[0-9]+$/ { name = $2; bytes = $3 }
		/ALLOC/ && bytes !~ /^0+$/ && !index(wanted, " " name " ") { print name }'
}

equal "no section that is loaded was left out of the image" "$(left_behind "$B/smpoke.so")" ""
objcopy --rename-section .relr=.orphan "$B/smpoke.so" "$work/orphan.so"
equal "control: a section outside of the list" "$(left_behind "$work/orphan.so")" ".orphan"

equal "relocations are of the one kind that the start-up code does" \
	"$(readelf -rW "$B/smpoke.so" | grep R_X86_64)" ""
check "and there are some" test "$(tests/tree/pe-relocated "$B/smpoke.efi" | wc -l)" -gt 1000
equal "no symbol is undefined" "$(nm -u "$B/smpoke.so")" ""
equal "no vector register is used, which a trap would not save, but by the one store of 16 bytes" \
	"$(objdump -d --no-show-raw-insn "$B/smpoke.so" | awk '/^[0-9a-f]+ </ { function_name = $2 }
		/%[xyz]mm[0-9]/ { print function_name }' | sort -u)" "<imm_store>:"

# ---- The tables that the image is patched by ----

# symbol FILE NAME: its address
symbol() {
	local found
	found=$(nm "$1" | awk -v n="$2" '$3 == n { print $1 }')
	[ -n "$found" ] || { echo "there is no symbol $2" >&2 && return 1; }
	echo $((16#$found))
}

# section_of FILE ADDRESS: name and flags of the section that the address is in, and where in the file
section_of() {
	local name from offset bytes flags
	while read -r name _ from offset bytes _ flags _; do
		from=$((16#$from))
		[[ $flags == *A* ]] && [ "$2" -ge "$from" ] && [ "$2" -lt $((from + 16#$bytes)) ] &&
			echo "$name $flags $((16#$offset + $2 - from))"
	done < <(readelf -SW "$1" | sed -n 's/^ *\[ *[1-9][0-9]*\] *//p' | grep '^\.[a-z]')
}

# table_is_good FILE START END ENTRY_BYTES SECTION FLAGS: a page begins with it, whole entries, of
# which there are some, and zeros up to the end of the page
table_is_good() {
	local file=$1 start end section flags offset
	start=$(symbol "$file" "$2") && end=$(symbol "$file" "$3") || return 1
	[ $((start % 4096)) -eq 0 ] || { echo "$2 is within a page" && return 1; }
	[ "$end" -gt "$start" ] || { echo "$2 is empty" && return 1; }
	[ $(((end - start) % $4)) -eq 0 ] || { echo "$3 is within an entry" && return 1; }
	read -r section flags offset <<<"$(section_of "$file" "$start")"
	[ "$section $flags" = "$5 $6" ] || { echo "$2 is in ${section:-nothing} $flags" && return 1; }
	od -An -v -tx1 -j $((offset + end - start)) -N $(((4096 - end % 4096) % 4096)) "$file" |
		grep -q '[1-9a-f]' || return 0
	echo "behind $3 there is more than zeros"
	return 1
}

while read -r file start end entry_bytes section flags; do
	check "$file: $start: pages of its own, whole entries, then zeros; not executable" \
		table_is_good "$B/$file" "$start" "$end" "$entry_bytes" "$section" "$flags"
done <<'END'
smpoke.so __alt_instructions __alt_instructions_end 14 .rodata A
smpoke.so __alt_replacement __alt_replacement_end 1 .rodata A
smpoke.so __smp_locks __smp_locks_end 4 .data WA
smpoke.so __smp_altinstr __smp_altinstr_end 16 .data WA
smpoke.so __smp_altinstr_replacement __smp_altinstr_replacement_end 1 .data WA
smpoke.so __smp_altinstr_saved __smp_altinstr_saved_end 1 .data WA
host/smpoke __alt_instructions __alt_instructions_end 14 .alttable A
host/smpoke __alt_replacement __alt_replacement_end 1 .alttable A
host/smpoke __smp_locks __smp_locks_end 4 .locktable WA
host/smpoke __smp_altinstr __smp_altinstr_end 16 .locktable WA
host/smpoke __smp_altinstr_replacement __smp_altinstr_replacement_end 1 .locktable WA
host/smpoke __smp_altinstr_saved __smp_altinstr_saved_end 1 .locktable WA
END

equal "host: no segment is writable and executable" \
	"$(readelf -lW "$B/host/smpoke" | grep -E '^ +LOAD' | grep -E ' RWE ')" ""

uefi_table() { table_is_good "$B/smpoke.so" "$@"; }
refute "control: a table that begins within a page" 'is within a page' \
	uefi_table __alt_instructions_end __alt_replacement 14 .rodata A
refute "control: a table without entries" 'is empty' \
	uefi_table __alt_instructions __alt_instructions 14 .rodata A
refute "control: a table that ends within an entry" 'is within an entry' \
	uefi_table __alt_instructions __alt_instructions_end 4095 .rodata A
refute "control: a table in another section" 'is in \.rodata A' \
	uefi_table __alt_instructions __alt_instructions_end 14 .text AX
cp "$B/smpoke.so" "$work/filled.so"
read -r _ _ offset <<<"$(section_of "$B/smpoke.so" "$(symbol "$B/smpoke.so" __alt_instructions_end)")"
printf '\1' | dd of="$work/filled.so" bs=1 conv=notrunc status=none seek=$((offset + 100))
refute "control: something behind the table" 'more than zeros' \
	table_is_good "$work/filled.so" __alt_instructions __alt_instructions_end 14 .rodata A

# ---- The path of #BP, and what the sync runs ----

# Each is named, so that nothing here holds because a function has gone elsewhere.
core_path=(smp_text_poke_bp_hook smp_text_poke_int3_handler int3_emulate int3_emulate_memory nop_bytes
	machine_this_cpu text_poke_emulate_site try_get_text_poke_array put_text_poke_array trapped_hook)

# Ways out that are meant: the hooks of #BP and of interrupts, what a CPU does between two states of a
# rendezvous, and the ends of a trap that is not ours, which do not come back to the patched code.
rendezvous=(take_part\>machine_{irq_save,irq_restore,probe})
for image in smpoke clang/smpoke; do
	check "UEFI, $image: nothing in .noinstr.text can be patched, and nothing leaves it" \
		tests/tree/check-noinstr "$B/$image.so" "${core_path[@]}" \
		vector_breakpoint trap_breakpoint vector_sync sync_interrupt \
		'trap_breakpoint>*' 'trap_breakpoint>trap_end_procedure' 'trap_common>trap_handle' \
		'fixed_interrupt>*' 'nmi_interrupt>*' 'wait_outside>wait_for_order' "${rendezvous[@]}"
done
# There the sync is the kernel's.
check "host: nothing in .noinstr.text can be patched, and nothing leaves it" \
	tests/tree/check-noinstr "$B/host/smpoke" "${core_path[@]}" \
	on_trap regs_from_context regs_to_context \
	'on_trap>*' 'on_trap>leave_by_fault' 'require_trap>host_die' 'on_trap>host_die' \
	"${rendezvous[@]}"

# From vector to C and back there is no other call than the one whose function was named above.
calls_of() {
	objdump -d --no-show-raw-insn "$B/smpoke.so" --disassemble="$1" | sed -n 's/.*call.*<\(.*\)>$/\1/p'
}
equal "the vector of #BP calls trap_breakpoint and nothing else" \
	"$(calls_of vector_breakpoint)" trap_breakpoint
equal "the vector of the sync calls sync_interrupt and nothing else" \
	"$(calls_of vector_sync)" sync_interrupt

# The controls: one breach each, planted into the section, and beside each what is no breach.
cat >"$work/planted.c" <<'END'
#include "atomic.h"
#include "spinlock.h"
#include "x86.h"
u32 word;
void (*hook)(void);
__attribute__((noinline)) void outside(void) { word = 1; }
noinstr u32 patchable(void) { return atomic_fetch_add(&word, 1); }
noinstr u64 has_alternative(void) { return rdtsc_ordered(); }
noinstr void has_sequence(void) { spin_lock(&word, 1); }
noinstr u32 locks_for_good(void) { return raw_atomic_fetch_add(&word, 1); }
noinstr void leaves(void) { outside(); __asm__ volatile(""); }
noinstr void jumps_away(void) { outside(); }
noinstr void leaves_prefixed(void) { __asm__ volatile(".byte 0x66, 0x66\n\trex.W call outside"); }
noinstr void calls_pointer(void) { hook(); __asm__ volatile(""); }
noinstr void jumps_by_pointer(void) { hook(); }
noinstr u32 switches(u32 v)
{
	switch (v) {
	case 0: return word;
	case 1: return word * 3;
	case 2: return word ^ 77;
	case 3: return word / 5;
	case 4: return word << 6;
	case 5: return word % 9;
	case 6: return word - 11;
	}
	return 0;
}
noinstr u32 stays(u32 v) { return v ? locks_for_good() : 0; }
u32 fine(void) { spin_lock(&word, 2); return atomic_fetch_add(&word, 2) + rdtsc_ordered(); }
END
gcc -O2 -fPIC -shared -fvisibility=hidden -fcf-protection=none -fjump-tables -Wl,-Bsymbolic -Iinclude \
	"$work/planted.c" -o "$work/planted.so" -Wl,-u,patchable -Wl,-u,leaves
planted() { tests/tree/check-noinstr "$work/planted.so" "$@"; }

while IFS='|' read -r breach report; do
	refute "control: $breach" "$report" planted
done <<'END'
a LOCK_PREFIX in .noinstr.text|LOCK_PREFIX at 0x[0-9a-f]+ is in .noinstr.text
an ALTERNATIVE in .noinstr.text|ALTERNATIVE at 0x[0-9a-f]+ is in .noinstr.text
an ALTERNATIVE_SMP in .noinstr.text|ALTERNATIVE_SMP at 0x[0-9a-f]+ is in .noinstr.text
a call out of .noinstr.text|^leaves>outside$
a jump out of .noinstr.text|^jumps_away>outside$
a call with prefixes out of .noinstr.text|^leaves_prefixed>outside$
a call through a pointer|^calls_pointer>\*$
a jump through a pointer|^jumps_by_pointer>\*$
a jump through a table|^switches>\*$
END
refute "control: a function that is not there" 'there is no outside in .noinstr.text' planted outside
refute "control: a name that nothing has" 'there is no nowhere in .noinstr.text' planted nowhere
equal "control: of the two LOCK_PREFIXes only the one that is in there" \
	"$(planted | grep -c LOCK_PREFIX)" 1
equal "control: of the two ALTERNATIVEs only the one that is in there" \
	"$(planted | grep -c 'ALTERNATIVE at')" 1
equal "control: of the two ALTERNATIVE_SMPs only the one that is in there" \
	"$(planted | grep -c ALTERNATIVE_SMP)" 1
equal "control: what is named, and what stays inside, is no breach" \
	"$(planted stays locks_for_good 'leaves>outside' | grep -cE '^(leaves>|stays|locks_for_good|fine)')" 0
plan
