/* SPDX-License-Identifier: MIT */
#include "rows.h"

#include "format.h"

#define UNIT_MCYCLES "tsc_mcycles"
#define UNIT_NS "ns"

const char *row_status_word(enum row_status status)
{
	static const char *const words[] = {
		[ROW_OK] = "ok",
		[ROW_FAIL] = "FAIL",
		[ROW_SKIP] = "skip",
		[ROW_HANG] = "HANG",
	};

	return words[status];
}

static bool same_bench(const struct result_row *a, const struct result_row *b)
{
	return text_equal(a->bench, b->bench) && a->sites == b->sites && a->cpus == b->cpus;
}

struct row_range rows_take_bench(struct row_range *rest)
{
	struct row_range bench = { rest->rows, 0 };

	while (bench.nr < rest->nr && same_bench(&rest->rows[bench.nr], &rest->rows[0]))
		bench.nr++;
	rest->rows += bench.nr;
	rest->nr -= bench.nr;
	return bench;
}

struct row_range rows_take_suite(struct row_range *rest)
{
	struct row_range suite = { rest->rows, 0 };

	while (suite.nr < rest->nr && text_equal(rest->rows[suite.nr].suite, rest->rows[0].suite))
		suite.nr++;
	rest->rows += suite.nr;
	rest->nr -= suite.nr;
	return suite;
}

const struct result_row *rows_find(struct row_range bench, const char *variant)
{
	for (u32 i = 0; i < bench.nr; i++) {
		if (text_equal(bench.rows[i].variant, variant))
			return &bench.rows[i];
	}
	return NULL;
}

static void hundredths(char cell[CELL_BYTES], u64 value)
{
	format(cell, CELL_BYTES, "%lu.%02lu", value / 100, value % 100);
}

/* Thousandths as "1.23". */
static void thousandths(char cell[CELL_BYTES], u64 value)
{
	hundredths(cell, value / 10 + (value % 10 >= 5));
}

void cell_ratio(char cell[CELL_BYTES], u64 a, u64 b)
{
	if (!b || a > UINT64_MAX / 1000)
		format(cell, CELL_BYTES, "-");
	else
		hundredths(cell, (a * 100 + b / 2) / b);
}

bool row_is_scaled(const struct result_row *row)
{
	return text_equal(row->unit, UNIT_MCYCLES) || text_equal(row->unit, UNIT_NS);
}

void cell_figure(char cell[CELL_BYTES], const struct result_row *row, u64 value)
{
	if (!row)
		format(cell, CELL_BYTES, "-");
	else if (!row->measured)
		format(cell, CELL_BYTES, "%s", row_status_word(row->status));
	else if (row_is_scaled(row))
		thousandths(cell, value);
	else
		format(cell, CELL_BYTES, "%lu", value);
}

void cell_median(char cell[CELL_BYTES], const struct result_row *row)
{
	cell_figure(cell, row, row ? row->stats.p50 : 0);
}

bool row_is_measured(const struct result_row *row)
{
	return row && row->measured;
}

const struct result_row *rows_contended(struct row_range rest, const char *primitive)
{
	const struct result_row *found = NULL;

	for (u32 i = 0; i < rest.nr; i++) {
		const struct result_row *row = &rest.rows[i];
		size_t len = text_len(primitive);

		if (text_starts(row->bench, primitive) && row->bench[len] == '-' &&
		    text_equal(row->variant, "contended") && row_is_measured(row) &&
		    (!found || row->cpus > found->cpus))
			found = row;
	}
	return found;
}

const char *row_unit(const struct result_row *row)
{
	if (!row_is_scaled(row))
		return row->unit;
	return text_equal(row->unit, UNIT_NS) ? "us" : "ticks";
}
