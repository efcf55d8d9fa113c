# SPDX-License-Identifier: MIT
height = narrow ? 20 : 22
load common
set logscale xy
set xlabel unit
set ylabel "share of samples that took longer"
set ytics ("1 in 2" 0.5, "1 in 10" 0.1, "1 in 100" 0.01, "1 in 1000" 0.001)
set grid ytics xtics lt 1 lc rgb grid lw 0.7
do for [p = 0:panels - 1] {
	set title panels > 1 ? word(names, p + 1) : ""
	plot for [s = 0:nr_series - 1] data index p * nr_series + s using 2:1 with steps lw 2 lt s + 1
}
