# SPDX-License-Identifier: MIT
height = narrow ? 20 : (panels == 1 ? 24 : 22)
load common
set logscale xy
set xlabel "sites in the batch"
set ylabel "µs"
set xtics (1, 2, 4, 8, 16, 32, 64, 128, 256)
eval "set ytics (".round_figures.")"
set yrange [least / 1.3:greatest * 1.3]
set xrange [0.9:285]
set grid ytics lt 1 lc rgb grid lw 0.7
if (!narrow && panels > 1) {
	set xtics font ",12"
}
do for [p = 0:panels - 1] {
	set title panels > 1 ? word(names, p + 1) : ""
	b = p * nr_series
	plot for [s = 0:2] data index b + s using 1:2:5 with filledcurves lt s + 1 fs transparent solid 0.10, \
		for [s = 3:5] data index b + s using 1:2 with lines dt (6, 4) lw 1.5 lt s - 2, \
		for [s = 6:nr_series - 1] data index b + s using 1:2 with linespoints dt (2, 3) lw 1.5 pt 6 ps 0.6 lt s + 1, \
		for [s = 0:2] data index b + s using 1:2:3:4 with yerrorlines pt 7 ps 0.6 lw 2 lt s + 1
}
