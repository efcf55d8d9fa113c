#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Guarantee: the power goes at any moment, and every row that was finished is there, whole, on a
# volume that needs no repair; the next start goes on. QEMU is killed, so what its firmware has
# flushed is in the image and nothing else is. KILLS=200 does it longer; SEED=N does the same again.

# Most functions here are called by check(), which shellcheck cannot see.
# shellcheck disable=SC2317
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
# shellcheck source=tests/lib/judge.sh
. tests/lib/judge.sh
# shellcheck source=tests/lib/boot.sh
. tests/lib/boot.sh

nr_kills=${KILLS:-1}
seed=${SEED:-$((RANDOM << 15 | RANDOM))}
echo "# repeat with SEED=$seed KILLS=$nr_kills tests/run tests/boot/kills.t"
RANDOM=$seed
# In make test there is little time.
suites=check
[ "$nr_kills" -eq 1 ] || suites=check,queue
options="--quick --suite $suites"

# killed_boot MS: QEMU, killed so long after the run has begun. run-qemu's own end would be in order.
killed_boot() {
	local pid
	rm -f "$boot_dir/kills.log" "$boot_dir/kills.pid"
	boot kills --smp 2 -- -pidfile "$PWD/$boot_dir/kills.pid" &
	when '^results in' "$boot_dir/kills.log" || return 1
	read -r -t "$(($1 / 1000)).$(printf %03d $(($1 % 1000)))" <> <(:)
	pid=$(cat "$boot_dir/kills.pid") && kill -KILL "$pid"
	wait $!
	return 0
}

# whole_rows FILE: what follows the last line end is blank, every line has all columns
whole_rows() {
	awk -F, 'NR == 1 { columns = NF } NF && $20 !~ /"/ && NF != columns { bad = 1; print FILENAME ": " $0 }
		END { exit bad || columns < 23 }' "$1"
}

# is_whole RUN: all of its rows are on the medium; its files may be on their way to their own length
is_whole() {
	local said
	said=$(sed -n 's/^[^,]*,[^,]*,rows,//p' "$1/machine.csv")
	[ -n "$said" ] && [ "$(grep -c . "$1/results.csv")" -eq $((said + 1)) ]
}

# sound RUN: as stick_is_clean, or the power went while firmware cut the files of a whole run to their
# length: it writes its count of free clusters, both tables and the length one after the other, and
# a repair cuts what is blank.
sound() {
	local said name='/RESULTS/RUN[0-9]+/[A-Z]+\.[A-Z]+'
	said=$(stick_is_clean kills) && return
	echo "$said"
	is_whole "$1" && ! grep -vE "^fsck|^Free cluster summary|^ *Auto-correcting|^FATs differ but appear to be intact|\
^ *Using first FAT|^$name\$|^ *File size is .*, cluster chain length is|^ *Truncating file to|^Leaving|: [0-9]+ files|^\$" \
		<<<"$said"
}

make_stick kills "$options\n"
for ((i = 1; i <= nr_kills; i++)); do
	check "kill $i: QEMU ran, and was killed" killed_boot $((RANDOM % (nr_kills == 1 ? 1500 : 5000)))
	state=$(mtype -i "$boot_dir/kills.img@@1M" ::/results/STATE.TXT)
	rm -rf "$boot_dir/kills.results"
	mapfile -t runs < <(tools/take-results "$boot_dir/kills.img" "$boot_dir/kills.results")
	check "kill $i: the volume needs no repair" sound "${runs[-1]}"
	[[ $state != *" done"* ]] || { make_stick kills "$options\n" && continue; }
	for run in "${runs[@]}"; do check "kill $i: rows are whole" whole_rows "$run/results.csv"; done
	# The bench that the state names was under way; every one before it was finished. Between its
	# rows and the next state it was, too.
	there=$(awk -F, 'FNR > 1 { print $3 "/" $4 }' "${runs[@]/%//results.csv}" | uniq | wc -l)
	finished=$(awk '{ print $6 }' <<<"$state")
	check "kill $i: every finished row is there: $there of $finished, or one more" \
		test $((there - finished)) -ge 0 -a $((there - finished)) -le 1
	! is_whole "${runs[-1]}" || make_stick kills "$options\n"
done
status=0
boot kills --smp 2 || status=$?
equal "the last start comes to an end" "$status" 0
check "the volume needs no repair" stick_is_clean kills
rm -rf "$boot_dir/kills.results"
mapfile -t runs < <(tools/take-results "$boot_dir/kills.img" "$boot_dir/kills.results")
equal "all runs together have each bench once" \
	"$(awk -F, 'FNR > 1 { print $3 "/" $4 }' "${runs[@]/%//results.csv}" | uniq)" \
	"$(awk -v suites=",$suites," 'index(suites, "," $1 ",") { sub(/\+.*/, "", $2); print $1 "/" $2 }' \
		tests/lib/expected.txt)"
match "and say what they go on from" "$(cat "${runs[@]/%//machine.csv}" | grep ',goes_on_from,')" ',(RUN[0-9]+|none)$'
plan
