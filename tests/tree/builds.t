#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Guarantees about how the image is built: the same sources give the same bytes, in whatever folder
# and whenever; and two further compilers have nothing to say about efi/, one for a target where
# firmware's types are not those of C.

# Most functions here are called by check() and refute(), which shellcheck cannot see.
# shellcheck disable=SC2317
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sources=$PWD/$B
[[ $B != /* ]] || sources=$B

# Another folder, one job, another day: whatever of these gets into the file shows.
again() { make --no-print-directory -j1 B="$work/again" ZYDIS_SRC="${ZYDIS_SRC:-$sources/zydis}" \
	QRCODEGEN_SRC="${QRCODEGEN_SRC:-$sources/qrcodegen}" "$work/again/smpoke.efi"; }
check "the image can be built from nothing in another folder" again
check "and has the same bytes" cmp "$work/again/smpoke.efi" "$B/smpoke.efi"

windows() { make --no-print-directory check-windows B="$B" "$@"; }
check "efi/ compiles for a Windows target" windows
cat >"$work/length.c" <<'END'
#include "firmware.h"
EFI_STATUS next(CHAR16 *name, EFI_GUID *vendor);
EFI_STATUS next(CHAR16 *name, EFI_GUID *vendor)
{
	unsigned long bytes = 4;

	return firmware.rt->GetNextVariableName(&bytes, name, vendor);
}
END
refute "control: an unsigned long is no UINTN there" 'incompatible pointer types' \
	windows WINDOWS_SOURCES="$work/length.c"
sed 's/unsigned long/UINTN/' "$work/length.c" >"$work/right.c"
check "control: and a UINTN is" windows WINDOWS_SOURCES="$work/right.c"

equal "both images have the same sections" "$(tests/tree/pe-sections "$B/clang/smpoke.efi" | cut -d' ' -f1,4)" \
	"$(tests/tree/pe-sections "$B/smpoke.efi" | cut -d' ' -f1,4)"
match "and the second is clang's" "$(strings -a "$B/clang/smpoke.efi")" '[Cc]lang'
plan
