# SPDX-License-Identifier: MIT
height = rows * (nr_series + 0.7) + 6
load common
set xlabel "times as long with LOCK"
set xrange [0:]
set offsets graph 0, graph 0.12, 0, 0
set yrange [rows - 0.4:-0.6]
set grid xtics lt 1 lc rgb grid lw 0.7
eval "set ytics scale 0 (".tics.")"
set arrow 1 from 1, graph 0 to 1, graph 1 nohead lc rgb soft lw 1 back
do for [p = 0:panels - 1] {
	set title panels > 1 ? word(names, p + 1) : ""
	plot for [s = 0:nr_series - 1] data index p * nr_series + s \
			using (1):(y = $1 + shift(s)):($2 - 1):(0) with vectors nohead lw 2 lt s + 1, \
		for [s = 0:nr_series - 1] data index p * nr_series + s \
			using 2:($1 + shift(s)):3:4 with xerrorbars pt 7 ps 0.8 lw 2 lt s + 1, \
		for [s = 0:nr_series - 1] data index p * nr_series + s \
			using 4:($1 + shift(s)):(sprintf($2 < 10 ? "%.2f" : "%.1f", $2)) with labels left offset 1, 0 tc rgb soft
}
