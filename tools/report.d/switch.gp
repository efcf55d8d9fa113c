# SPDX-License-Identifier: MIT
height = rows * 2.6 + 6
load common
set logscale x
set xlabel "ns for each LOCK"
set offsets graph 0.05, graph 0.15, 0, 0
set yrange [rows - 0.4:-0.6]
set grid xtics lt 1 lc rgb grid lw 0.7
eval "set ytics scale 0 (".tics.")"
do for [p = 0:panels - 1] {
	set title panels > 1 ? word(names, p + 1) : ""
	plot for [s = 0:1] data index 2 * p + s using 2:($1 + shift(s)):3:4 \
			with xerrorbars pt 7 ps 0.9 lw 2 lt s + 1, \
		data index 2 * p using 4:($1 + shift(0)):(sprintf($2 < 100 ? "%.1f" : "%.0f", $2)) with labels left offset 1, 0 tc rgb soft
}
