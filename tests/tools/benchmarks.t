#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Guarantee: docs/benchmarks.md has each suite once, with the question, who asked, the method, what the
# figure does not say, and a result of the host program of one of the suites that stand together.
# (tests/tools/quotes.t holds the figures against the run.)

# What stands in back quotes is text.
# shellcheck disable=SC2016
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

suites=$("$B/host/smpoke" --list | sed -n 's/^\([a-z][a-z-]*\):.*/\1/p')

# lacking FILE: what is missing in it, a line each
lacking() {
	awk -v suites="$suites" '
		function over(  i, n, names, found) {
			if (title == "")
				return
			if (text !~ /- \*\*Question\.\*\* [A-Z]/) print title ": no question"
			if (text !~ /- \*\*Asked by\*\* [A-Za-z]/) print title ": nobody asked"
			if (text !~ /- \*\*Method\.\*\* [A-Z]/) print title ": no method"
			if (text !~ /- \*\*Not said:\*\* [a-z]/) print title ": nothing is left unsaid"
			if (text !~ /- \*\*Result\.\*\* From `results\/[0-9-]*-host`:/) print title ": no result"
			n = split(title, names, " ")
			for (i = 1; i <= n; i++) {
				seen[names[i]]++
				if (text ~ "\n" names[i] "/[^\n]* [0-9]") found = 1
			}
			if (!found) print title ": no figure of its own"
			title = ""
		}
		/^##/ { over(); text = "" }
		/^### `/ { title = $0; gsub(/[^a-z0-9 -]/, "", title); sub(/^ */, "", title) }
		{ text = text "\n" $0 }
		END {
			over()
			n = split(suites, all, "\n")
			for (i = 1; i <= n; i++)
				if (seen[all[i]] != 1) print all[i] ": there " seen[all[i]] + 0 " times"
		}' "$1"
}

match "there are suites" "$(wc -l <<<"$suites")" '^[2-9][0-9]$'
equal "each has all five" "$(lacking docs/benchmarks.md)" ""

sed '/^### `victim`/,/^### `int3`/s/Not said/No/' docs/benchmarks.md >"$work/changed.md"
equal "control: one of them is missing" "$(lacking "$work/changed.md")" "victim: nothing is left unsaid"
sed 's/^### `victim`/### `other`/' docs/benchmarks.md >"$work/changed.md"
match "control: so is a suite" "$(lacking "$work/changed.md")" '^victim: there 0 times$'
sed 's/^\(victim\)\//other\//' docs/benchmarks.md >"$work/changed.md"
equal "control: a figure of another suite" "$(lacking "$work/changed.md")" "victim: no figure of its own"
plan
