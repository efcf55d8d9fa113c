#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Guarantee: every figure that README.md or docs/ quote from a run is still what its results.csv says.
# A quote is the block behind a line "From `results/RUN`"; each line of it that has a figure must be
# one that tests/lib/quotes.sql makes of that run.

# What stands in back quotes is text.
# shellcheck disable=SC2016
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
db=$work/runs.db

check "every run can be read" tools/import-results "$db" results/2*
check "what may be quoted of them" sqlite3 -bail "$db" ".read tests/lib/quotes.sql"

# quoted FILE: the lines with a figure, each behind its run
quoted() {
	awk '/From `results\// { run = $0; sub(/.*From `results\//, "", run); sub(/`.*/, "", run) }
		/^```/ { code = !code; if (!code) run = ""; next }
		code && run && /[0-9]/ { gsub(/[ \t]+/, " "); sub(/^ /, ""); print run "|" $0 }' "$1"
}

# wrong FILE: quotes that no run bears out
wrong() {
	quoted "$1" >"$work/quoted"
	sqlite3 "$db" "CREATE TEMP TABLE line (run TEXT, text TEXT)" ".separator |" \
		".import '$work/quoted' line" \
		"SELECT run || ': ' || text FROM line WHERE (run, text) NOT IN (SELECT run, text FROM quote)"
}

for file in README.md docs/*.md; do
	[ "$(quoted "$file" | wc -l)" -gt 0 ] || continue
	equal "$file: what it quotes is what was measured" "$(wrong "$file")" ""
done
match "README.md quotes more than a few" "$(quoted README.md | wc -l)" '^[0-9]{2,}$'
sqlite3 -separator '|' "$db" "SELECT file, text FROM prose" >"$work/prose"
check "there are sentences, too" test -s "$work/prose"
while IFS='|' read -r file text; do
	match "$file: $text" "$(tr -s ' \n' ' ' <"$file" | grep -oF "$text")" .
done <"$work/prose"

# ---- The controls ----

line=$(quoted README.md | sed -n '3p')
figure=$(grep -oE '[0-9]+\.[0-9]+' <<<"$line" | head -n 1)
sed "s/\(${line%%"$figure"*}\)/\1/; s/\<$figure\>/${figure}1/" README.md >"$work/changed.md"
match "control: a figure that changed is noticed" "$(wrong "$work/changed.md")" "${figure}1"
sed 's/From `results\/[0-9]/From `results\/9/' README.md >"$work/changed.md"
equal "control: so is a run that there is not" "$(wrong "$work/changed.md" | wc -l)" \
	"$(quoted README.md | wc -l)"
plan
