#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Guarantee: make install puts a program and its man page where it was told, and nothing else; the
# page says what the program says of itself.

# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
page=docs/smpoke.1
smpoke=$work/a\ root/usr/bin/smpoke

check "make install" make --no-print-directory install DESTDIR="$work/a root" PREFIX=/usr B="$B"
equal "two files, and nothing else" "$(cd "$work/a root" && find . -type f | sort | tr '\n' ' ')" \
	"./usr/bin/smpoke ./usr/share/man/man1/smpoke.1 "
check "the program runs from there" "$smpoke" --version
check "it is the one that was built" cmp "$smpoke" "$B/host/smpoke"
match "which lists what it can do" "$("$smpoke" --list)" '^lock: '
equal "who may what" "$(cd "$work/a root/usr" && stat -c %a bin/smpoke share/man/man1/smpoke.1 | tr '\n' ' ')" \
	"755 644 "
check "make uninstall" make --no-print-directory uninstall DESTDIR="$work/a root" PREFIX=/usr B="$B"
equal "takes both away" "$(find "$work/a root" -type f)" ""
match "without PREFIX it goes to /usr/local" "$(make -n install DESTDIR="$work/x" B="$B")" \
	"\"$work/x/usr/local/bin/smpoke\""

# ---- The page ----

equal "nothing is wrong with its form" "$(mandoc -Tlint -Wwarning $page 2>&1 | grep -v 'mandoc.db')" ""
text=$(mandoc -Tascii $page 2>/dev/null | sed 's/.\x08//g')
options() { grep -oE -- '--[a-z][a-z0-9-]*' | sort -u; }
match "control: there are options" "$("$B/host/smpoke" --help | options)" '^--suite$'
equal "its options are those of --help" "$(options <<<"$text")" "$("$B/host/smpoke" --help | options)"
sentence=$("$B/host/smpoke" --help | tr '\n' ' ' | sed 's/.*Exit code: //')
equal "so are its exit codes" \
	"$(sed -n '/^EXIT STATUS/,/^EXAMPLES/s/^ *\([0-9]\) .*/\1/p' <<<"$text" | tr '\n' ' ')" \
	"$(grep -oE '\<[0-9] ' <<<"$sentence" | tr -d '\n')"
for option in batch toggles out; do
	default=$("$B/host/smpoke" --help | sed -n "s/.*--$option .*Default: //p")
	[ $option != batch ] || default='powers of two.*quick'
	match "the default of --$option" "$(grep -A4 -E "^ +--$option " <<<"$text" | tr -s ' \n' ' ')" "$default"
done
plan
