# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# For tests that boot the image: a stick as "make run" makes it, in a folder of the test's own.

boot_dir=$B/boot-test
mkdir -p "$boot_dir"

# make_stick NAME OPTIONS [STARTUP_NSH [IMAGE]]: OPTIONS as they stand in smpoke.cfg, \n for line ends.
# Nobody is there to press a key, so unless they say something of the menu there is none.
make_stick() {
	rm -f "$boot_dir/$1.img"
	printf '%b' "$2" >"$boot_dir/$1.cfg"
	case $2 in
	*--menu*) ;;
	*'\n') echo '--menu 0' >>"$boot_dir/$1.cfg" ;;
	esac
	tools/make-disk "$boot_dir/$1.img" "${4:-$B/smpoke.efi}" "${3:-startup.nsh}" "$boot_dir/$1.cfg"
}

# boot NAME ARGUMENTS OF run-qemu: the console goes to NAME.log, $? is what run-qemu says
boot() {
	local name=$1
	shift
	tools/run-qemu --image "$boot_dir/$name.img" --log "$boot_dir/$name.log" --timeout 150 "$@" \
		>"$boot_dir/$name.out" 2>&1
}

# What smpoke itself wrote, without the firmware's own lines
console() { grep -vE '^(BdsDxe|UEFI Interactive|EDK II|Mapping|[[:space:]]+(FS|BLK)[0-9]|Press|Shell>)|^[[:space:]]*$' \
	"$boot_dir/$1.log"; }

# fsck.fat says its version and one line of counts; a word more, or a repair it would do, is a fault
stick_is_clean() {
	local output
	# fsck.fat knows no partitions.
	dd if="$boot_dir/$1.img" of="$boot_dir/$1.fat" bs=1M skip=1 count=254 conv=sparse status=none
	output=$(fsck.fat -n "$boot_dir/$1.fat" 2>&1) || {
		echo "$output"
		return 1
	}
	rm -f "$boot_dir/$1.fat"
	output=$(grep -vE '^fsck\.fat [0-9]|: [0-9]+ files, [0-9]+/[0-9]+ clusters$' <<<"$output")
	echo "$output"
	[ -z "$output" ]
}

# The folders of runs on the stick, one a line
runs_on() {
	MTOOLSRC=/dev/null MTOOLS_SKIP_CHECK=1 mdir -b -i "$boot_dir/$1.img@@1M" ::/results 2>&1 |
		grep -v '/results/\.*/*$'
}

# take NAME: the run's folder, copied off the stick; nothing when there is not exactly one
take() {
	local taken
	rm -rf "$boot_dir/$1.results"
	taken=$(tools/take-results "$boot_dir/$1.img" "$boot_dir/$1.results" 2>&1) &&
		[ "$(wc -l <<<"$taken")" -eq 1 ] && echo "$taken"
}

# when PATTERN LOG: wait until there is such a line
when() { until_so grep -qE -- "$1" "$2"; }

# until_so COMMAND...: until it succeeds; not for longer than a minute
until_so() {
	local deadline=$((SECONDS + 60))
	until "$@" 2>/dev/null; do
		[ "$SECONDS" -lt "$deadline" ] || return 1
		read -r -t 0.05 <> <(:)
	done
	return 0
}

# boot_watched NAME ARGUMENTS OF run-qemu: boot, in the background, with a monitor in NAME.monitor
boot_watched() {
	local name=$1
	shift
	[[ " $* " == *" -- "* ]] || set -- "$@" --
	rm -f "$boot_dir/$name.monitor" "$boot_dir/$name.log"
	boot "$name" "$@" -monitor "unix:$PWD/$boot_dir/$name.monitor,server=on,wait=off" &
}

# press NAME PATTERN KEY...: when the console of boot_watched shows such a line, that many times
# PATTERN may be "3*PATTERN": the third such line
press() {
	local name=$1 pattern=$2 nr=1 deadline=$((SECONDS + 60)) key
	shift 2
	[[ ! $pattern =~ ^([0-9]+)\*(.*)$ ]] || { nr=${BASH_REMATCH[1]} && pattern=${BASH_REMATCH[2]}; }
	until [ -f "$boot_dir/$name.log" ] && [ "$(grep -cE -- "$pattern" "$boot_dir/$name.log")" -ge "$nr" ]; do
		[ "$SECONDS" -lt "$deadline" ] || { echo "no line $nr with $pattern" && return 1; }
		read -r -t 0.05 <> <(:)
	done
	for key; do monitor "$PWD/$boot_dir/$name.monitor" "sendkey $key" || return 1; done
}

# when_on_stick NAME FILE PATTERN: wait until a file in the first run's folder has such a line. The
# last that comes before a bench is the line in log.txt that it begins.
when_on_stick() { until_so stick_says "$@"; }
stick_says() {
	MTOOLS_SKIP_CHECK=1 mtype -i "$boot_dir/$1.img@@1M" "::/results/RUN0001/$2" | grep -aqE -- "$3"
}

# monitor SOCKET COMMAND: as a person would type it at QEMU's monitor
monitor() {
	perl -MIO::Socket::UNIX -e '
		my $to = IO::Socket::UNIX->new($ARGV[0]) or die "no monitor: $!\n";
		print $to "$ARGV[1]\n"; shutdown($to, 1); my @answer = <$to>;' "$@"
}
