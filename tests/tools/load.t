#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Guarantee: the lines of docs/results.md that load results.csv do, unchanged, in SQLite, gnuplot,
# pandas and R, as far as they are here: as many rows, and the same figures in every one of them.

# The single quotes hold a script of R.
# shellcheck disable=SC2016
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
csv=$(printf '%s\n' results/2*-host | tail -n 1)/results.csv

# line PROGRAM: what docs/results.md says for it
line() { sed -n "/^## Loading it/,/^## Many/{/^$1/p}" docs/results.md; }

# A run as a machine leaves it that died: a reason with a comma and quotes in it, and a blank tail.
cp "$csv" "$work/results.csv"
{
	tail -n 1 "$csv" | awk -F, -v OFS=, '{ $2 = "died"; $19 = "fail"
		$20 = "\"cpu 1: \"\"#UD\"\", at text+0x10\""; print }'
	printf '\n\n\n'
} >>"$work/results.csv"
cd "$work" || exit 1

# By a program that knows nothing of CSV but where the commas are; the reason's are behind the figures.
rows=$(awk 'NR > 1 && NF' results.csv | wc -l)
sum=$(awk -F, 'NR > 1 { sum += $11 } END { printf "%d", sum }' results.csv)
drawn=$(awk -F, '$3 == "poke" && $4 == "batch" && $5 == "total" { print $7, $11 }' results.csv)
match "there are rows" "$rows $sum" '^[1-9][0-9]+ [1-9][0-9]+$'
match "some of them are to be drawn" "$drawn" '^[0-9]+ [0-9]+$'
cd - >/dev/null || exit 1

command=$(line sqlite3)
check "SQLite takes it" bash -c "cd '$work' && $command"
equal "SQLite: rows and figures" \
	"$(sqlite3 "$work/run.db" "SELECT count(*) || ' ' || CAST(sum(p50) AS INTEGER) FROM results WHERE run <> ''")" "$rows $sum"
equal "SQLite: a reason with a comma" \
	"$(sqlite3 "$work/run.db" "SELECT reason FROM results WHERE run = 'died'")" 'cpu 1: "#UD", at text+0x10'

command=$(line gnuplot)
match "gnuplot: there is a line for it" "$command" '^gnuplot -p -e '
# Onto a table instead of a window
check "gnuplot takes it" bash -c "cd '$work' && ${command/-p/-e \'set table \"drawn\"\'}"
equal "gnuplot: what it draws" "$(awk '$3 == "i" { print $1, $2 }' "$work/drawn")" "$drawn"

if python3 -c 'import pandas' 2>/dev/null; then
	equal "pandas: rows and figures" "$(cd "$work" && python3 -c "
import pandas
t = $(line pandas)
print(len(t), int(t.p50.sum()))
print(t[t.run == 'died'].reason.iloc[0])")" "$rows $sum
cpu 1: \"#UD\", at text+0x10"
else
	skip "pandas" "python3 has no pandas here"
fi

if command -v Rscript >/dev/null; then
	equal "R: rows and figures" "$(cd "$work" && Rscript -e "t <- $(line 'read\.csv')" \
		-e 'cat(nrow(t), format(sum(t$p50, na.rm = TRUE), scientific = FALSE))')" "$rows $sum"
else
	skip "R" "there is no Rscript here"
fi
plan
