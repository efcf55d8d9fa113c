#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The house rules that a machine can check, over every file that is, or would be, committed.

# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"

mapfile -t files < <(git ls-files -co --exclude-standard 2>/dev/null || true)
if [ "${#files[@]}" -eq 0 ]; then
	mapfile -t files < <(find . -path ./build -prune -o -path ./results -prune -o -type f -print |
		sed 's|^\./||')
fi
sources=() scripts=() rest=()
for file in "${files[@]}"; do
	[ -f "$file" ] || continue
	case $file in
	*.c | *.h) sources+=("$file") ;;
	*)
		case $(head -c 64 "$file" | head -n 1 | tr -d '\0') in
		'#!/bin/sh'* | '#!/bin/bash'*) scripts+=("$file") ;;
		*) rest+=("$file") ;;
		esac
		;;
	esac
done

check "there are sources and scripts to check" \
	test "${#sources[@]}" -gt 50 -a "${#scripts[@]}" -gt 5
# The same file of settings lays code out differently from version to version.
version=$(clang-format --version | sed 's/.*version \([0-9]*\).*/\1/')
if [ "$version" = 14 ]; then
	equal "clang-format has nothing to say" "$(clang-format --dry-run -Werror "${sources[@]}" 2>&1 |
		sed -n 's/^\([^:]*:[0-9]*\):.* error: .*/\1/p' | uniq)" ""
else
	skip "clang-format has nothing to say" "this is clang-format $version; version 14 decides"
fi
check "shellcheck has nothing to say" shellcheck -x tests/lib/tap.sh "${scripts[@]}"

# A licence, prose and data have no place for it.
no_licence_line() {
	local file
	for file in "${sources[@]}" "${scripts[@]}" "${rest[@]}"; do
		case $file in LICENSE | results/* | *.md | *.csv | *.txt | *.json | *.png) continue ;; esac
		head -n 5 "$file" | grep -q 'SPDX-License-Identifier: MIT' || echo "$file"
	done
}

over_long() {
	local file
	for file in "${sources[@]}" "${scripts[@]}" "${rest[@]}"; do
		case $file in results/* | LICENSE) continue ;; esac
		[ "$(wc -l <"$file")" -le 500 ] || echo "$file: $(wc -l <"$file") lines"
	done
}

equal "every file names its licence" "$(no_licence_line)" ""
equal "no file is over 500 lines" "$(over_long)" ""
plan
