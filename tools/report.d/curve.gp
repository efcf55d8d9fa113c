# SPDX-License-Identifier: MIT
height = narrow ? 19 : 22
load common
set logscale y
eval "set ytics (".round_figures.")"
set yrange [least / 1.5:greatest * 1.5]
set xlabel "CPUs"
set ylabel unit
set xrange [fewest - 0.5:most + 0.5]
set xtics 1
set grid ytics lt 1 lc rgb grid lw 0.7
apart(s) = (s - (nr_series - 1) / 2.0) * (nr_series > 4 ? 0.035 : 0.06) * most / 2
last = nr_series - 1
plot for [s = 0:last] data index s using ($1 + apart(s)):2:2:5 with yerrorbars pt 0 lw 1 lt s + 1, \
	for [s = 0:last] data index s using ($1 + apart(s)):2 smooth unique with lines lw 1.5 lt s + 1, \
	for [s = 0:last] data index s using ($1 + apart(s)):2:3:4 with yerrorbars pt 7 ps 0.8 lw 2.5 lt s + 1
