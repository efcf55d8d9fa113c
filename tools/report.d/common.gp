# SPDX-License-Identifier: MIT
#
# What all figures share. Set before: data, out, narrow (0, 1), panels, names (of the panels, words),
# nr_series, rows (categories), height (of a panel, in lines of text; each figure knows), emulated (0, 1).

# Set before, or not: most_columns, where a panel needs more of the width than a third.
if (!exists("most_columns")) {
	most_columns = 3
}
columns = narrow ? 1 : (panels < most_columns ? panels : most_columns)
lines = ceil(1.0 * panels / columns)
width = narrow ? 400 : 960
# A panel that is hardly wider than a phone.
small = narrow || columns > 2
set term svg dynamic size width, lines * height * 16 font "x,14" noenhanced
set encoding utf8
set out out
set datafile missing "NaN"
unset key
grid = "#d0d0d0"
soft = "#808080"
set border 3 lc rgb soft
set tics nomirror tc rgb "black" scale 0.5
set style fill solid noborder
# 1 to 10 are series, in the order of the legend; report.css has the same.
set linetype 1 lc rgb "#1f77b4"
set linetype 2 lc rgb "#d1560a"
set linetype 3 lc rgb "#0a8f68"
set linetype 4 lc rgb "#a0529c"
set linetype 5 lc rgb "#b8860b"
set linetype 6 lc rgb "#4aa3d9"
set linetype 7 lc rgb "#c2384b"
set linetype 8 lc rgb "#7f7f7f"
set linetype 9 lc rgb "#7d6a3a"
set linetype 10 lc rgb "#5b5bd6"
if (emulated) {
	set label 99 "EMULATED" at graph 0.5, graph 0.5 center rotate by 20 font small ? ",22" : ",34" tc rgb "#e8c0c0" back
}
# A long name of a panel, run and words, stands in two lines.
titled(name) = strstrt(name, ":") ? \
	name[1:strstrt(name, ":")]."\n".name[strstrt(name, ":") + 2:*] : name
# For an axis that is logarithmic and not long: more than the powers of ten, where there is room.
round_figures = greatest / least > 300 ? "0.01, 0.1, 1, 10, 100, 1000, 10000, 100000" : \
	"0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000"
few_figures = "0.0001, 0.01, 1, 100, 10000, 1000000"
# Where a category has several series, they stand one below the other.
shift(s) = nr_series < 2 ? 0 : (s - (nr_series - 1) / 2.0) * 0.5 / (nr_series - 1)
set multiplot layout lines, columns
