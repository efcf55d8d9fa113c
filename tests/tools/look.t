#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Guarantee: a browser without a network shows the report whole, on a wide window, on a phone, in the
# dark and on paper: nothing runs out at the side, one drawing of each figure is there, and text in
# it can be read.

# Programs of a browser stand in single quotes.
# shellcheck disable=SC2016
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"

browser=
for name in chromium-headless-shell chromium google-chrome; do
	command -v $name >/dev/null && browser=$name && break
done
if [ -z "$browser" ]; then
	skip "a browser looks at the report" "no browser is installed: tools/install-deps browser"
	plan
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mapfile -t runs < <(ls -d results/2*-host results/2*-tcg)
# Who has run it sees more panels side by side: the newest emulated one again, and once more.
emulated=(results/2*-tcg)
newest=${emulated[-1]}
for again in 20991231-235958-tcg 20991231-235959-tcg; do
	mkdir "$work/$again"
	for file in "$newest"/*.csv "$newest/log.txt"; do
		sed "s/$(basename "$newest")/$again/" "$file" >"$work/$again/$(basename "$file")"
	done
	runs+=("$work/$again")
done
check "the runs become a page" tools/report -o "$work/report.html" "${runs[@]}"

# The page itself forbids programs; the copy that is looked at has one that says what it sees.
sed '/Content-Security-Policy/,/>/d; /<\/html>/d' "$work/report.html" >"$work/seen.html"
cat >>"$work/seen.html" <<'END'
<script>
const seen = [];
const shown = e => e.getBoundingClientRect().width > 0;
const figures = [...document.querySelectorAll('figure')];
seen.push('window ' + innerWidth);
seen.push('sideways ' + Math.max(0, document.documentElement.scrollWidth - innerWidth));
seen.push('fetched ' + performance.getEntriesByType('resource').length);
seen.push('figures ' + figures.length);
for (const f of figures) {
	const svgs = [...f.querySelectorAll('svg')], svg = svgs.filter(shown);
	if (!svgs.length)
		continue;
	if (svg.length != 1) {
		seen.push('wrong ' + f.id + ': ' + svg.length + ' drawings');
		continue;
	}
	const box = svg[0].getBoundingClientRect(), scale = box.width / svg[0].viewBox.baseVal.width;
	seen.push('drawing ' + svg[0].getAttribute('class'));
	for (const t of svg[0].querySelectorAll('text')) {
		const b = t.getBoundingClientRect();
		const size = parseFloat(t.parentNode.getAttribute('font-size')) * scale;
		if (t.textContent.trim() && size < 9.5)
			seen.push('small ' + f.id + ': ' + t.textContent + ' ' + size.toFixed(1));
		if (b.width && (b.left < box.left - 1 || b.right > box.right + 1 || b.top < box.top - 1 ||
		    b.bottom > box.bottom + 1))
			seen.push('cut ' + f.id + ': ' + t.textContent);
		const ink = getComputedStyle(t).fill;
		if (t.textContent.trim() && ink == getComputedStyle(document.body).backgroundColor)
			seen.push('invisible ' + f.id + ': ' + t.textContent);
	}
	const texts = [...svg[0].querySelectorAll('text')].filter(t => t.textContent.trim() &&
		t.textContent != 'EMULATED').map(t => [t.textContent, t.getBoundingClientRect()]);
	texts.forEach(([a, p], i) => texts.slice(i + 1).forEach(([b, q]) => {
		if (Math.min(p.right, q.right) - Math.max(p.left, q.left) > 2 &&
		    Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top) > 4)
			seen.push('overlap ' + f.id + ': ' + a + ' and ' + b);
	}));
	for (const u of svg[0].querySelectorAll('use'))
		if (!document.querySelector(u.getAttribute('href')))
			seen.push('no marker ' + f.id);
}
document.documentElement.innerHTML = '<body><pre>' + seen.join('\n') + '</pre>';
</script></html>
END

# browse OPTION...: whatever the browser logs is none of the page's business
browse() {
	HOME=$work timeout 60 "$browser" --headless --no-sandbox --disable-gpu --hide-scrollbars \
		--host-resolver-rules='MAP * ~NOTFOUND' --user-data-dir="$work/profile" "$@" 2>"$work/log"
}

# look WIDTH [OPTION...]: what the page looks like in a window of that width
look() {
	local width=$1
	shift
	browse --window-size="$width,900" "$@" --dump-dom "file://$work/seen.html" |
		sed 's/<[^>]*>//g'
}

drawn=$(grep -c '<svg class="wide"' "$work/report.html")
all=$(grep -c '<figure id=' "$work/report.html")

# fine NAME SEEN WIDTH KIND
fine() {
	equal "$1: window, edge, network, figures" "$(grep -E '^(window|sideways|fetched|figures)' <<<"$2")" \
		"window $3"$'\n'"sideways 0"$'\n'"fetched 0"$'\n'"figures $all"
	equal "$1: each drawing once, for that width" "$(grep -c "^drawing $4$" <<<"$2")" "$drawn"
	equal "$1: nothing is cut off, too small or out of sight" \
		"$(grep -vE '^(window|sideways|fetched|figures|drawing)' <<<"$2" | sed '/^$/d' | head -n 20)" ""
}

fine "wide" "$(look 1280)" 1280 wide
fine "half a screen" "$(look 850)" 850 wide
fine "less than that" "$(look 700)" 700 narrow
fine "a phone" "$(look 360)" 360 narrow
fine "in the dark" "$(look 1280 --blink-settings=preferredColorScheme=0)" 1280 wide

browse --print-to-pdf="$work/report.pdf" --no-pdf-header-footer "file://$work/report.html" >"$work/out"
pages=$(grep -ac '/Type */Page\b' "$work/report.pdf")
check "on paper: some pages, not one for each line" test "$pages" -ge 3 -a "$pages" -le 60

# ---- The controls: what must be seen ----

sed -i 's/figure svg.narrow { display: none; }/figure svg.narrow { display: block; }/' "$work/seen.html"
match "control: two drawings are noticed" "$(look 1280)" '^wrong lock-0: 2 drawings$'
sed -i 's/<header>/<header style="width: 2000px">/' "$work/seen.html"
match "control: what runs out at the side is noticed" "$(look 1280)" '^sideways [1-9]'
sed -i 's/font-size="[0-9.]*"/font-size="3"/' "$work/seen.html"
match "control: small text is noticed" "$(look 360)" '^small '
plan
