# SPDX-License-Identifier: MIT
height = narrow ? 17 : 19
load common
set xlabel "sites in the batch"
set ylabel "µs"
set yrange [0:*]
set grid ytics lt 1 lc rgb grid lw 0.7
# The sizes stand at even steps.
if (!narrow) {
	set tics font ",12"
}
eval "set xtics (".tics.")"
do for [p = 0:panels - 1] {
	set title panels > 1 ? word(names, p + 1) : ""
	b = p * nr_series
	plot for [s = 0:3] data index b + s using 1:5:($1 - 0.4):($1 + 0.4):5:($5 + $2) \
			with boxxyerror lw 0.1 lt s + 1, \
		data index b + 4 using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1.5 lc rgb "black"
}
