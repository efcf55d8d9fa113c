# SPDX-License-Identifier: MIT
height = rows * (nr_series > 1 ? 2.6 : 1.9) + 6
most_columns = 2
load common
set logscale x
set xlabel unit
set xrange [least / 1.5:greatest * (narrow ? 30 : panels > 1 ? 8 : 3)]
if (small && greatest / least > 200) {
	eval "set xtics (".few_figures.")"
}
set yrange [rows - 0.4:-0.6]
set grid xtics lt 1 lc rgb grid lw 0.7
eval "set ytics scale 0 (".tics.")"
figures(x) = sprintf(x < 100 ? "%.1f" : "%.0f", x)
do for [p = 0:panels - 1] {
	# Not above the middle of what is drawn, which names of categories push to the right.
	set title panels > 1 ? " " : ""
	set label 98 panels > 1 ? word(names, p + 1) : "" at graph 1, graph 1 right offset 0, 1
	b = p * nr_series
	plot for [s = 0:nr_series - 1] data index b + s using 2:($1 + shift(s)):2:5 \
			with xerrorbars pt 0 lw 0.7 lt s + 1, \
		for [s = 0:nr_series - 1] data index b + s using 2:($1 + shift(s)):3:4 \
			with xerrorbars pt 7 ps 0.9 lw 2 lt s + 1, \
		for [s = 0:nr_series - 1] data index b + s \
			using ($5 > $4 ? $5 : $4):($1 + shift(s)):(figures($2)) \
			with labels left offset 1, 0 tc rgb soft
}
