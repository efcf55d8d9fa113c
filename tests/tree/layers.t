#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Guarantee: the table "Who may know whom" of docs/architecture.md holds, in the sources by their
# includes and in the objects by the symbols that they need.

# Most functions here are called by check() and refute(), which shellcheck cannot see.
# shellcheck disable=SC2317
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"

check "every include, condition and use of Zydis is allowed where it stands" tools/check-layers

# ---- The controls: one breach each, in a copy of the sources ----

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -r --parents include core bench efi host tests/unit tests/fault "$copy"
# Breaches that are there already are reported above; here they would hide what is planted.
already=$(tools/check-layers "$copy" || true)

only_new_breaches() {
	local found
	found=$(tools/check-layers "$copy" | grep -vxF -- "${already:-no such line}")
	echo "$found"
	[ -z "$found" ]
}

# planted NAME FILE LINE PATTERN: LINE at the end of FILE must be reported, and nothing else
planted() {
	local name=$1 file=$copy/$2 line=$3 pattern=$4
	cp "$file" "$copy/kept"
	printf '%s\n' "$line" >>"$file"
	refute "control: $name" "^$2:$(wc -l <"$file"): .*$pattern" only_new_breaches
	cp "$copy/kept" "$file"
}

check "control: the copy has nothing new" only_new_breaches
planted "core may not know the host" core/int3.c '#include "host.h"' 'host.h'
planted "core may not know bench" core/insn.c '#include "bench.h"' 'bench.h'
planted "core may not know libc" core/nops.c '#include <string.h>' 'string.h'
planted "core may not know Zydis elsewhere" core/text_poke.c '#include <Zydis/Zydis.h>' 'Zydis'
planted "bench may not know core's own header" bench/text.c '#include "smp_text_poke.h"' 'smp_text_poke.h'
planted "bench may not know gnu-efi" bench/csv.c '#include <efi.h>' 'efi.h'
planted "bench may not know Zydis elsewhere" bench/region.c '#include <Zydis/Zydis.h>' 'Zydis'
planted "efi may not know libc" efi/apic.c '#include <stdio.h>' 'stdio.h'
planted "efi may not know core's own header" efi/apic.c '#include "smp_text_poke.h"' 'smp_text_poke.h'
planted "efi may not know bench" efi/apic.c '#include "bench.h"' 'bench.h'
planted "efi may not know the maker of codes elsewhere" efi/screen.c '#include <qrcodegen.h>' 'qrcodegen.h'
planted "host may not know gnu-efi" host/near.c '#include <x86_64/efibind.h>' 'efibind.h'
planted "include may not know a machine" include/mem.h '#include "host.h"' 'host.h'
planted "include may not know libc" include/mem.h '#include <string.h>' 'string.h'
planted "an include by macro cannot hide" core/nops.c '#include HEADER' 'cannot be checked'
planted "a type of Zydis is found without its header" core/int3.c 'ZydisDecoder d;' 'Zydis'
planted "core has no #if" core/nops.c '#if 1' 'conditional'
planted "bench has no #ifdef" bench/csv.c '#ifdef X' 'conditional'
planted "core has no assembler" core/nops.c 'void f(void) { __asm__("nop"); }' 'assembler'

printf '/* #include <stdio.h> and\n#include "host.h"\n#if asm Zydis */\n' >>"$copy/core/nops.c"
check "control: what a comment says is no breach" only_new_breaches

# ---- Calls run down: what the objects need from each other ----

defined() { nm --defined-only -g "$@" 2>/dev/null | awk 'NF == 3 { print $3 }' | sort -u; }
needed() { nm -u "$@" 2>/dev/null | awk '$1 == "U" { print $2 }' | sort -u; }
declared() { grep -ohE '\<[a-z_0-9]+\(' "$@" | tr -d '(' | sort -u; }
memory='memcpy memmove memset memcmp _stext _etext _GLOBAL_OFFSET_TABLE_'

core_may_call() {
	{
		defined "$B"/efi/core/*.o "$B"/efi/zydis/*.o
		declared include/machine.h include/machine_text.h
		tr ' ' '\n' <<<"$memory"
	} | sort -u
}

bench_may_call() {
	{
		core_may_call
		defined "$B"/efi/bench/*.o
		declared include/machine_io.h include/machine_noise.h
	} | sort -u
}

equal "core calls nothing but itself and the machine" \
	"$(comm -23 <(needed "$B"/efi/core/*.o) <(core_may_call))" ""
equal "bench calls nothing but itself, core and the machine" \
	"$(comm -23 <(needed "$B"/efi/bench/*.o) <(bench_may_call))" ""
match "control: a call up would show" \
	"$(comm -23 <(needed "$B"/efi/bench/*.o) <(core_may_call))" '^machine_print$'
plan
