#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Guarantee: concurrency is written down. Each operation of core that orders memory has a label, each
# release has its acquire, and docs/protocol.md, "Ordering", has the pair.

# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"

# unlabelled FILE...: ordering operations without a label in the eight lines before them
unlabelled() {
	awk 'FNR == 1 { last = -99 }
		/(^|[^A-Za-z])[AR]-[a-z]+/ { last = FNR }
		/(store_release|load_acquire|raw_atomic_[a-z_]+|atomic_(try_cmpxchg|fetch_add))\(/ &&
			FNR - last > 8 { print FILENAME ":" FNR ": " $0 }' "$@"
}

labels() { grep -ohE "\\b$1-[a-z]+\\b" "${@:2}" | sed 's/^..//' | sort -u | tr '\n' ' '; }

sources=(core/*.c efi/*.c host/*.c bench/*.c)
equal "core: every ordering operation has a label" "$(unlabelled core/*.c)" ""
equal "every release has its acquire" "$(labels R "${sources[@]}")" "$(labels A "${sources[@]}")"
equal "docs/protocol.md has every release" "$(labels R docs/protocol.md)" "$(labels R "${sources[@]}")"
equal "docs/protocol.md has every acquire" "$(labels A docs/protocol.md)" "$(labels A "${sources[@]}")"

# ---- And so are the planted faults ----

faults() { sed -n 's/^\tX(\([A-Z0-9_]*\)).*/\1/p' "$1"; }
undocumented() { faults "$1" | while read -r id; do grep -qw "$id" docs/protocol.md || echo "$id"; done; }
equal "docs/protocol.md has every planted fault" "$(undocumented tests/fault/include/fault.h)" ""

# ---- The controls: one breach each, in a copy ----

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp core/smp_text_poke.c "$copy/"
{
	yes '' | head -n 9
	echo 'void f(void) { store_release(&x, 1); }'
} >>"$copy/smp_text_poke.c"
match "control: an operation without a label is found" "$(unlabelled "$copy"/*.c)" 'store_release\(&x'
sed -i 's/R-refs/R-other/' "$copy/smp_text_poke.c"
printf '\tX(NO_SUCH_FAULT) /* planted */\n' >"$copy/fault.h"
equal "control: a fault that nobody wrote down is found" "$(undocumented "$copy/fault.h")" NO_SUCH_FAULT
match "control: a release alone is found" "$(labels R "$copy"/*.c)" 'other'
plan
