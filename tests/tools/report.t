#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Guarantee: runs become one page that needs nothing else, its figures are those of results.csv and
# say n, unit, interval and whether they were emulated; what is damaged is said in one line that
# names file and row, and costs the rest nothing.

# Programs of awk and sed stand in single quotes.
# shellcheck disable=SC2016
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
silicon=results/20261125-073828-host
emulated=results/20261125-073859-tcg
page=$work/page.html

# value RUN SUITE BENCH VARIANT SITES COLUMN: of results.csv itself, by another reader
value() {
	awk -F, -v OFS=, -v want="$2,$3,$4,$5" -v column="$6" '
		NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
		$(at["suite"]) "," $(at["bench"]) "," $(at["variant"]) "," $(at["sites"]) == want {
			print $(at[column])
		}' "$1/results.csv"
}

figure() { sed -n "/<figure id=\"$1\">/,/<\/figure>/p" "$page"; }
# row_of FIGURE WHAT: the cells of that row of the figure's table
row_of() { figure "$1" | grep -F "<td>$2</td>" | sed 's/<[^>]*>/ /g; s/  */ /g'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf("%.1f", a / b) }'; }

# ---- A page of two runs ----

check "two runs become a page" tools/report -o "$page" $silicon $emulated
equal "it says nothing else" "$(tools/report -o "$page" $silicon $emulated 2>&1)" "$page"
tools/report -o "$work/again.html" $silicon $emulated >"$work/out" 2>&1
check "the same runs, the same page" cmp "$page" "$work/again.html"

# Colours and markers have addresses within the page; there must be none that leads out of it.
equal "no address leads out of it" "$(grep -oE '(src=|href=|url\(|@import) *["'\''(]?[^"'\'' >)]*' "$page" |
	grep -vE "href=[\"']#" | sort -u)" ""
match "and a browser is told to fetch nothing" "$(grep -A1 Content-Security-Policy "$page")" \
	"default-src 'none'"
equal "every marker is there" "$(comm -23 \
	<(grep -oE "href='#gp[A-Za-z0-9]*" "$page" | sed "s/.*#//" | sort -u) \
	<(grep -oE "id='gp[A-Za-z0-9]*" "$page" | sed "s/.*'//" | sort -u))" ""
equal "no name is there twice" "$(grep -oE " id=[\"'][^\"']*" "$page" | sort | uniq -d)" ""
mapfile -t figures < <(grep -oE '<figure id="[^"]*' "$page" | sed 's/.*"//')
equal "the figures" "${figures[*]}" "lock-0 batch-0 phases-0 sync-0 serialise-0 switch-0\
 lock-1 batch-1 phases-1 sync-1 serialise-1 switch-1"
for name in "${figures[@]}"; do
	text=$(figure "$name")
	is='on silicon, not emulated' stamps='^0$'
	[ "${name#*-}" = 0 ] || is='<strong class="emulated">emulated</strong>' stamps='^[1-9]'
	match "$name: unit, n, interval, emulated or not" "$(grep 'class="facts"' <<<"$text")" \
		"<b>[^<]+</b> · [0-9]+ points of n = [0-9,]+.* whiskers: 95% interval of the median.* · $is"
	equal "$name: one drawing for wide pages, one for narrow" \
		"$(grep -oE '<svg class="[a-z]*' <<<"$text" | sed 's/.*"//' | tr '\n' ' ')" 'wide narrow '
	match "$name: EMULATED is written across it, or is not" \
		"$(grep -c '<text>EMULATED' <<<"$text")" "$stamps"
done
match "what has no rows is named" "$(grep -o 'No figures of suite.*' "$page")" 'suite .*victim.*: not run'
equal "the Linux reference stands beside emulated runs only" \
	"$(figure batch-0 | grep -c '<td>Linux') $(figure batch-1 | grep -c '<td>Linux')" "0 8"

total=$(value $silicon poke batch total 256 p50)
match "a figure is that of results.csv" "$(row_of batch-0 'through the sites, 256 sites')" \
	" $(ratio "$total" 1000) .* µs $(value $silicon poke batch total 256 n | sed 's/...$/,&/') "
match "so is a ratio" "$(row_of lock-0 'xadd-8lines, with LOCK over without')" \
	" $(ratio "$(value $silicon lock xadd-8lines lock 0 p50)" "$(value $silicon lock xadd-8lines 3e 0 p50)") "
cp -r $silicon "$work/changed"
sed -i "s/\(,poke,batch,total,2,256,ns,[0-9]*,[0-9]*,\)[0-9]*,/\177777,/" "$work/changed/results.csv"
tools/report -o "$page" "$work/changed" >"$work/out" 2>&1
match "control: another result, another figure" "$(row_of batch-0 'through the sites, 256 sites')" ' 77\.8 '

# ---- Suites that no run in results/ has: made up ----

# row SUITE BENCH VARIANT SITES UNIT VALUE...: one more row of the run in $work/new, and its samples
nr_rows=0
row() {
	local key="$1,$2,$3,2,$4,$5" sorted high n value i=0
	shift 5
	nr_rows=$((nr_rows + 1))
	mapfile -t sorted < <(printf '%s\n' "$@" | sort -n)
	n=$#
	high=${sorted[n - 1]}
	echo "1,new,$key,$n,${sorted[0]},${sorted[(n - 1) / 2]},$high,$high,$high,$high,0,,0,ok,,host" \
		>>"$work/new/results.csv"
	for value; do
		echo "1,new,$nr_rows,$i,$value" >>"$work/new/samples.csv"
		i=$((i + 1))
	done
}
mkdir "$work/new"
head -n 1 $silicon/results.csv >"$work/new/results.csv"
head -n 1 $silicon/samples.csv >"$work/new/samples.csv"
printf '%s\n' schema,run,key,value 1,new,env,host 1,new,complete,yes >"$work/new/machine.csv"
row primitives ticket up 0 tsc_mcycles 4000 4000 4000 4000 4000 4000 4000
row primitives ticket smp 0 tsc_mcycles 10000 10000 10000 10000 10000 10000 10000
row primitives ticket up-8 0 tsc_mcycles 2000 2000 2000 2000 2000 2000 2000
row primitives ticket smp-8 0 tsc_mcycles 9000 9000 9000 9000 9000 9000 9000
row primitives ticket-contended contended 0 tsc_mcycles 88000 88000 88000 88000 88000 88000 88000
row int3 refs-own get-put 64 tsc_mcycles 40000 40000 40000 40000 40000 40000 40000
row int3 refs-shared get-put 64 tsc_mcycles 400000 400000 400000 400000 400000 400000
row strategy unsorted-16 change 16 ns 362000 363000 364000 365000 366000 367000 368000
row victim in-code-16 taken 16 ns 50000 51000 52000 53000 54000 55000 900000
row victim in-code-16 quiet 16 ns 0 0 0 0 0 1000 2000
row propagation within any 1 ns 150 160 170 180 190 200 5000
row propagation page-4-4 any 1 ns 250 260 270 280 290 300 6000
row protocols int3-batch change 16 ns 45000 45100 45200 45300 45400 45500
row protocols int3-batch taken 16 ns 30000 30100 30200 30300 30400 30500
row protocols copy change 16 ns 11000 11000 11000 11000 11000 11000
row protocols copy taken 16 ns 4000 4000 4000 4000 4000 4000
for bench in int3-batch copy; do
	row protocols $bench executed 16 count 1000000 2000000 3000000
	row protocols $bench torn 16 count 0 "$([ $bench = copy ] && echo 6 || echo 0)"
	row protocols $bench faults 16 count 0 0
	row protocols $bench late 16 count 0 0
done
for class in 64 within; do
	row hazard store-4 executed-$class 25 count 100000 200000
	row hazard store-4 torn-$class 25 count 0 "$([ $class = 64 ] && echo 8 || echo 0)"
done
check "a run with them becomes a page" tools/report -o "$page" "$work/new"
equal "each has its figure" "$(grep -oE '<figure id="[^"]*' "$page" | sed 's/.*"//' | tr '\n' ' ')" \
	"primitives-0 contended-0 strategy-0 victim-0 propagation-0 protocols-0 hazard-0 refs-0 "
match "what a primitive gains" "$(row_of primitives-0 'ticket, with LOCK over without')" ' 2\.50 2\.50 – 2\.50 times 7 '
match "on eight in turn" "$(row_of primitives-0 'ticket, eight in turn, with LOCK over without')" ' 4\.50 '
match "what it costs in company" "$(row_of contended-0 'new: ticket-contended, 2 CPUs')" ' 88\.0 88\.0 – 88\.0 ticks 7 '
match "and alone" "$(row_of contended-0 'new: ticket-contended, alone')" ' 10\.0 '
match "a reference for all" "$(row_of refs-0 'new: refs-shared, 2 CPUs')" ' 400 400 – 400 ticks 6 '
match "another way to patch" "$(row_of strategy-0 'unsorted-16')" ' 365 362 – 368 µs 7 '
match "what a batch took, at worst" "$(row_of victim-0 'in-code-16, taken: max')" ' 900 – µs 7 '
match "and where nobody patched" "$(row_of victim-0 'in-code-16, quiet: max')" ' 2\.00 – µs 7 '
match "until new code runs" "$(row_of propagation-0 'page-4-4, any: median')" ' 0\.280 0\.250 – 6\.000 µs 7 '
match "a way that failed" "$(figure protocols-0 | grep '<tr><th>copy')" '<td>3,000,000</td><td class="heat-4">6</td>.*<td>2</td>'
match "one that did not" "$(figure protocols-0 | grep '<tr><th>int3')" '<td>3,000,000</td><td class="none">0</td>.*&lt; 1</td>'
match "what was torn, of how many" "$(figure hazard-0 | grep 4-byte | head -n 1)" 'class="heat-3"><b>8</b><br><small>of</small> 200k<'
match "what was not" "$(figure hazard-0 | grep 4-byte | head -n 1)" 'class="none"><b>0</b><br><small>of</small> 200k<'
# 8 seen: 3.45 to 15.76 by the exact Poisson interval, of 200000.
match "the interval of a count" "$(row_of hazard-0 '4-byte store, across 64 bytes')" ' 40\.0 17\.2 – 78\.8 torn per million 200,000 '
match "and of none" "$(row_of hazard-0 '4-byte store, across nothing')" ' 0\.000 0\.000 – 15\.000 '

# ---- Damage: one line for it, and the rest ----

# small FROM TO: a run of one suite, so that a page of it is soon drawn
small() {
	mkdir "$2"
	cp "$1/machine.csv" "$2"
	awk -F, -v OFS=, -v out="$2" '
		FNR == 1 { files++; print > (out "/" (files == 1 ? "results" : "samples") ".csv"); next }
		files == 1 && $3 == "poke" && $5 !~ /pass|stale/ {
			row[FNR - 1] = ++nr
			print > (out "/results.csv")
		}
		files == 2 && $3 in row { $3 = row[$3]; print > (out "/samples.csv") }' \
		"$1/results.csv" "$1/samples.csv"
}
small $silicon "$work/small"
small $emulated "$work/other"

fresh() {
	rm -rf "$work/bad"
	cp -r "$work/small" "$work/bad"
}

# damaged NAME PATTERN [WHAT]: one line on standard error and on the page; the other run's figures are
# there, and those of this one, unless WHAT is "nothing"
damaged() {
	local name=$1 pattern=$2 got=0 said
	rm -f "$page"
	said=$(tools/report -o "$page" "$work/bad" "$work/other" 2>&1 >"$work/out") || got=$?
	if [ $got -ne 0 ] || [ "$(wc -l <<<"$said")" -ne 1 ] ||
		! grep -qE "^$work/bad$pattern" <<<"$said"; then
		fail "$name" "status $got, wanted one line that matches $pattern, got:" "$said"
		return
	fi
	match "$name" "$(sed -n '/class="damage"/,/<\/section>/{s/<[^>]*>//g; s/&gt;/>/g; s/&lt;/</g; s/&amp;/\&/g; p}' \
		"$page")" "^$work/bad$pattern"
	equal "$name: the rest is there" "$(grep -c -e '<figure id="batch-1"' -e '<figure id="batch-0"' "$page")" \
		"$([ "${3-}" = nothing ] && echo 1 || echo 2)"
}

fresh
sed -i '/complete,yes/d' "$work/bad/machine.csv"
sed -i '200,$d' "$work/bad/results.csv"
printf '\n\n\n\n\n\n' >>"$work/bad/results.csv"
damaged "a run that was interrupted" '/results\.csv:199: the run did not get to its end'
fresh
head -c 20000 "$work/small/results.csv" >"$work/bad/results.csv"
last=$(wc -l <"$work/bad/results.csv")
damaged "a file that was cut off" "/results\.csv:$((last + 1)): expected 21 columns but found [0-9]+$"
fresh
sed -i 's/^\(\([^,]*,\)\{15\}\)[^,]*,/\1/' "$work/bad/results.csv"
damaged "a column that can be done without" '/results\.csv:1: there is no column mad$'
fresh
sed -i 's/^\(\([^,]*,\)\{10\}\)[^,]*,/\1/' "$work/bad/results.csv"
damaged "a column that cannot" '/results\.csv:1: there is no column p50$' nothing
fresh
sed -i '2,$s/^1,/2,/' "$work/bad/results.csv"
damaged "a newer schema" '/results\.csv:2: schema 2, and only 1 is known \(and [0-9]{3} more such lines\)$' nothing
fresh
sed -i '1s/$/,tags/; 2,$s/$/,quiet/' "$work/bad/results.csv"
damaged "a newer column" '/results\.csv:1: columns that are not known are left out$'
fresh
rm "$work/bad"/*
damaged "an empty folder" ': there is no results\.csv in it' nothing
rm -r "$work/bad"
damaged "no folder" ': there is no such folder$' nothing
fresh
sed -i 's/$/\r/' "$work/bad/results.csv"
damaged "line ends of Windows" '/results\.csv:1: line ends of Windows'
fresh
sed -i '5s/,ns,.*//; 9s/,0,ok/,0,0,ok/' "$work/bad/results.csv"
damaged "rows with other columns" '/results\.csv:5: expected 21 columns but found 7 \(and 1 more such lines\)$'
fresh
sed -i '7s/,ok,,/,ok,"a quote,/' "$work/bad/results.csv"
damaged "a quote that is not closed" '/results\.csv:7: a quote that is not closed$'
fresh
sed -i '8s/,0,ok/,x,ok/' "$work/bad/results.csv"
damaged "a figure that is no number" '/results\.csv:8: "x" is no number, in column violations$'
fresh
sed -i '8s/,ok,/,perhaps,/' "$work/bad/results.csv"
damaged "a status that there is not" '/results\.csv:8: status "perhaps" is unknown$'
fresh
sed -i '8s/^1,[^,]*/1,other/' "$work/bad/results.csv"
damaged "a row of another run" '/results\.csv:8: run other, not 20261125-073828-host$'
fresh
rm "$work/bad/samples.csv"
damaged "no samples" ': there is no samples\.csv in it'
fresh
sed -i '20s/,/;/g' "$work/bad/samples.csv"
damaged "a sample with other separators" '/samples\.csv:20: expected 5 columns but found 1$'
fresh
rm "$work/bad/machine.csv"
damaged "no facts" ': there is no machine\.csv in it'

# What a file says of itself is words to a reader, and never a program to gnuplot or a browser.
fresh
cat >>"$work/bad/results.csv" <<END
1,20261125-073828-host,poke,"\`touch $work/owned\`",total,2,1,ns,9,1,1,1,1,1,1,0,,0,ok,,host
END
damaged "a command in the place of a name" \
	'/results\.csv:[0-9]+: "`touch .*`" is no name, in column bench$'
check "nobody has run it" test ! -e "$work/owned"
fresh
sed -i '8s/,ok,,/,fail,<script>alert(1)<\/script> \& <b>,/' "$work/bad/results.csv"
sed -i 's/,cpu_brand,.*/,cpu_brand,<img src=x>/' "$work/bad/machine.csv"
tools/report -o "$page" "$work/bad" >"$work/out" 2>&1
equal "tags in a reason and in a fact are words" "$(grep -ciE '<(script|img)' "$page")" 0
match "a row that failed is shown, with its reason" "$(grep 'class="bad-rows"' "$page")" 'row 7, .*: fail, &lt;script&gt;alert\(1\)'

# Whatever the bytes are: a page of the others, or a refusal, and never a half.
seed=${SEED:-$RANDOM}
echo "# SEED=$seed"
RANDOM=$seed
broken=
for ((i = 0; i < 4; i++)); do
	fresh
	for file in results samples machine; do
		size=$(stat -c %s "$work/bad/$file.csv")
		for ((k = 0; k < 20; k++)); do
			printf '%b' "\\x$(printf %02x $((RANDOM % 256)))" |
				dd of="$work/bad/$file.csv" bs=1 seek=$(((RANDOM * 32768 + RANDOM) % size)) \
					conv=notrunc status=none
		done
	done
	rm -f "$page"
	if ! tools/report -o "$page" "$work/bad" "$work/other" >"$work/out" 2>"$work/err" ||
		[ "$(grep -c '<figure id="batch-1"' "$page")" -ne 1 ] || ! tail -n 1 "$page" | grep -q '</html>$' ||
		[ "$(grep -cvE "^$work/bad(/[a-z]*\.csv:[0-9]+)?: " "$work/err")" -ne 0 ]; then
		broken+="round $i: $(cat "$work/err") "
	fi
done
equal "random bytes in random places" "$broken" ""

# ---- Nothing to draw ----

refute "no run" 'expected the folder of a run' tools/report
rm -f "$page"
mkdir "$work/empty"
refute "nothing but an empty folder" 'report: there is nothing to report in' tools/report -o "$page" "$work/empty"
check "and no page" test ! -e "$page"
plan
