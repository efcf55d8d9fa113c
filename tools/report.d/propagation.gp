# SPDX-License-Identifier: MIT
height = narrow ? 19 : 22
load common
set logscale xy
set xlabel "µs from the store to the first execution"
set ylabel "share of samples above"
set ytics ("1/2" 0.5, "1/10" 0.1, "1/100" 0.01, "1/1000" 0.001, "1e-4" 1e-4, "1e-5" 1e-5)
set xrange [least / 1.2:greatest * 1.2]
if (narrow && greatest / least > 2000) {
	eval "set xtics (".few_figures.")"
} else {
	eval "set xtics (".round_figures.")"
}
set yrange [fewest / 1.5:1.1]
set grid ytics xtics lt 1 lc rgb grid lw 0.7
# From all samples a staircase; from order statistics those, and no more is known in between.
all(y) = strcol(6) eq "all" ? y : NaN
some(y) = strcol(6) eq "all" ? NaN : y
do for [p = 0:panels - 1] {
	set title panels > 1 ? word(names, p + 1) : ""
	b = p * nr_series
	plot for [s = 0:nr_series - 1] data index b + s using 2:(all($1)) with steps lw 2 lt s + 1, \
		for [s = 0:nr_series - 1] data index b + s using 2:(some($1)) \
			with linespoints pt 7 ps 0.5 lw 1.5 lt s + 1
}
