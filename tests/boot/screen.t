#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Guarantee: on a screen that can draw, the end of a run is bars as long as the figures in its
# results.csv; where nothing is stored there is a QR code, too, which says what the lines on the
# console say. Looked at in the pixels that QEMU would show.

# Most functions here are called by check(), which shellcheck cannot see.
# shellcheck disable=SC2317
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
# shellcheck source=tests/lib/boot.sh
. tests/lib/boot.sh

# bars FILE: colour, left end and length of each bar, from top to bottom
bars() {
	perl -e '
		open(my $file, "<:raw", $ARGV[0]) or die "$ARGV[0]: $!\n";
		read($file, my $head, 3); my $size = <$file>; my $max = <$file>;
		my ($width, $height) = split(" ", $size);
		my %name = ("\x4c\xc0\x70" => "UP", "\xf0\x90\x40" => "SMP");
		my %above = (UP => "", SMP => "");
		while (read($file, my $row, 3 * $width) == 3 * $width) {
			for my $colour (keys %name) {
				my ($here, $run) = ("", 0);
				my $first = 0;
				for (my $at = 0; ($at = index($row, $colour, $at)) >= 0; $at += 3) {
					next if $at % 3;
					$first = $at / 3 if !$run++;
				}
				# Letters of the legend are shorter than any bar, and have gaps.
				$here = "$name{$colour} $first $run" if $run && substr($row, 3 * $first, 3 * $run) eq $colour x $run;
				print "$here\n" if $here ne "" && $here ne $above{ $name{$colour} };
				$above{ $name{$colour} } = $here;
			}
		}' "$1"
}

# screenshot NAME: when its last line of pixels is there, the picture is; it is paper
screenshot() {
	local file=$PWD/$boot_dir/$1.ppm deadline=$((SECONDS + 30))
	rm -f "$file"
	until [ "$(tail -c 3 "$file" 2>/dev/null | od -An -tx1)" = " 10 14 1c" ]; do
		[ "$SECONDS" -lt "$deadline" ] || { echo "no picture in $file" && return 1; }
		monitor "$PWD/$boot_dir/$1.monitor" "screendump $file" || return 1
		read -r -t 0.2 <> <(:)
	done
	return 0
}

# size FILE: of a picture
size() { sed -n '2{p;q}' "$1"; }

# Of a device that has no memory to draw into, only the call that does it.
screen=virtio-gpu-pci
qemu-system-x86_64 -device help 2>/dev/null | grep -q '"virtio-gpu-pci"' || screen=VGA
make_stick bars '--quick --suite primitives --cpus 1\n'
status=0
boot_watched bars --smp 2 -- -device "$screen"
check "bars: the run came to its end" press bars '^end status=0$'
check "bars: there is a picture" screenshot bars
check "bars: a key is taken" press bars '^end status=0$' spc
wait $! || status=$?
equal "bars: the key ended the machine" "$status" 0
match "bars: the screen said so before" "$(console bars | tail -n 2)" '^a picture stays for 30 s; a key ends it$'
run=$(take bars)
# Of one colour from the legend on: as many as there are primitives, in the order of the rows.
figures=$(awk -F, '$3 == "primitives" && ($5 == "up" || $5 == "smp") { print toupper($5), $11 }' "$run/results.csv")
nr=$(wc -l <<<"$figures")
seen=$(bars "$boot_dir/bars.ppm" | tail -n "$nr")
check "bars: there are some" test "$nr" -ge 20
equal "bars: of both forms in turn, as the rows are" "$(cut -d' ' -f1 <<<"$seen")" "$(cut -d' ' -f1 <<<"$figures")"
equal "bars: they begin below each other" "$(cut -d' ' -f2 <<<"$seen" | sort -u | wc -l)" 1
longest=$(cut -d' ' -f3 <<<"$seen" | sort -n | tail -n 1)
check "bars: the longest takes half of the screen" test "$longest" -ge "$(($(size "$boot_dir/bars.ppm" | cut -d' ' -f1) / 2))"
equal "bars: each is as long as its figure says" "$(cut -d' ' -f3 <<<"$seen")" \
	"$(awk -v longest="$longest" '{ v[NR] = $2; if ($2 > max) max = $2 }
		END { for (i = 1; i <= NR; i++) print int(v[i] * longest / max) }' <<<"$figures")"

# The smallest screen, and a stick that cannot be written to.
make_stick code '--quick --suite primitives --cpus 1 --no-store\n'
status=0
boot_watched code --smp 2 -- -device VGA,edid=on,xres=640,yres=480 -set drive.stick.readonly=on
check "code: the run came to its end" press code '^end status=0$'
check "code: there is a picture" screenshot code
check "code: a key is taken" press code '^end status=0$' spc
wait $! || status=$?
equal "code: the key ended the machine" "$status" 0
equal "code: the screen is the smallest" "$(size "$boot_dir/code.ppm")" "640 480"
lines=$(console code | sed -n '/^nothing is stored; copy this, or /,/^a picture stays for 600 s/p' | sed '1d;$d')
match "code: its lines are on the console" "$lines" '^p,tas(,[0-9]+\.[0-9][0-9]){4},,$'
equal "code: a reader of codes gets the same out of the picture" \
	"$(zbarimg --raw -q "$boot_dir/code.ppm" 2>"$boot_dir/zbar.log")" "$lines"
figure() { console code | grep "^$1 " | awk -v n="$2" 'NR == 1 { print $n }'; }
equal "code: and the table's" "$(sed -n 's/^p,tas,\([^,]*\),\([^,]*\),.*/\1 \2/p' <<<"$lines")" \
	"$(figure tas 2) $(figure tas 3)"
equal "code: beside the bars" "$(bars "$boot_dir/code.ppm" | tail -n 20 | grep -c '^UP')" 10
equal "code: nothing is left on the stick" "$(runs_on code)" ""
plan
