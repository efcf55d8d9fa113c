/* SPDX-License-Identifier: MIT */
/*
 * The table at the end of a run, 80 columns, made to be read by a person.
 */
#ifndef SMPOKE_BENCH_SUMMARY_H
#define SMPOKE_BENCH_SUMMARY_H

#include "results.h"

/* summary_print() - a table for each suite that has rows, primitives first; its rows stand together
 */
void summary_print(struct results *log, const struct result_row *rows, u32 nr_rows);

#endif
