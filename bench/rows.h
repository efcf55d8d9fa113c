/* SPDX-License-Identifier: MIT */
/*
 * The rows of a run as tables are made from them: cut into suites and benches, and figures as a
 * person reads them. The table at the end and the picture beside it show the same text.
 */
#ifndef SMPOKE_BENCH_ROWS_H
#define SMPOKE_BENCH_ROWS_H

#include "results.h"

#define CELL_BYTES 24

/* Rows of one suite, or of one bench of it. */
struct row_range {
	const struct result_row *rows;
	u32 nr;
};

/* rows_take_bench(), rows_take_suite() - cut the rows of the first one off @rest, which has some */
struct row_range rows_take_bench(struct row_range *rest);
struct row_range rows_take_suite(struct row_range *rest);

/* rows_find() - the row of a variant; NULL when there is none */
const struct result_row *rows_find(struct row_range bench, const char *variant);

/* rows_contended() - what a primitive cost with most CPUs on it; NULL where nobody was there */
const struct result_row *rows_contended(struct row_range suite, const char *primitive);

bool row_is_measured(const struct result_row *row); /* false for NULL, too */

/* row_is_scaled() - thousandths of a cycle and ns read better as cycles and us */
bool row_is_scaled(const struct result_row *row);

const char *row_unit(const struct result_row *row); /* of its figures in cells */
const char *row_status_word(enum row_status status);

/* cell_figure() - a value of @row as text; "-" without a row, its status when it was not measured
 */
void cell_figure(char cell[CELL_BYTES], const struct result_row *row, u64 value);
void cell_median(char cell[CELL_BYTES], const struct result_row *row);

/* cell_ratio() - @a / @b as "1.23", or "-" where there is nothing to divide by */
void cell_ratio(char cell[CELL_BYTES], u64 a, u64 b);

#endif
