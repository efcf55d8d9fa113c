# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# For the tests that are shell scripts: TAP on standard output. A script that ends before plan()
# has no plan, and the runner counts it as failed.

set -u
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
# shellcheck disable=SC2034 # for the scripts that read this file
B=${BUILD:-build}

tap_nr=0
tap_failed=0

pass() {
	tap_nr=$((tap_nr + 1))
	echo "ok $tap_nr - $1"
}

# fail NAME [LINE...]: the lines say what was found
fail() {
	tap_nr=$((tap_nr + 1))
	tap_failed=$((tap_failed + 1))
	echo "not ok $tap_nr - $1"
	shift
	[ $# -eq 0 ] || printf '%s\n' "$@" | sed 's/^/# /'
}

skip() {
	tap_nr=$((tap_nr + 1))
	echo "ok $tap_nr - $1 # SKIP $2"
}

# check NAME COMMAND...: passes when the command succeeds; its output is shown when it does not
check() {
	local name=$1 output
	shift
	if output=$("$@" 2>&1); then pass "$name"; else fail "$name" "$output"; fi
}

# refute NAME PATTERN COMMAND...: the command must fail, and say why in a line that matches
refute() {
	local name=$1 pattern=$2 output
	shift 2
	if output=$("$@" 2>&1); then
		fail "$name" "it succeeded:" "$output"
	elif grep -qE -- "$pattern" <<<"$output"; then
		pass "$name"
	else
		fail "$name" "it failed, but no line matches $pattern:" "$output"
	fi
}

# equal NAME GOT WANT
equal() {
	if [ "$2" = "$3" ]; then pass "$1"; else fail "$1" "got:  $2" "want: $3"; fi
}

# match NAME TEXT PATTERN
match() {
	if grep -qE -- "$3" <<<"$2"; then pass "$1"; else fail "$1" "no line matches $3:" "$2"; fi
}

plan() {
	echo "1..$tap_nr"
	exit $((tap_failed > 0))
}
