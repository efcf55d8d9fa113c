/* SPDX-License-Identifier: MIT */
/*
 * One CSV row in a fixed buffer: RFC 4180 quoting, lines ended by LF alone.
 *
 * A row that does not fit is no row: csv_end() says so and nothing of it may be written.
 */
#ifndef SMPOKE_BENCH_CSV_H
#define SMPOKE_BENCH_CSV_H

#include "types.h"

#define CSV_ROW_MAX_BYTES 2048

struct csv_row {
	char text[CSV_ROW_MAX_BYTES]; /* not terminated */
	size_t len;
	u32 nr_fields;
	bool too_long;
};

void csv_begin(struct csv_row *row);
void csv_text(struct csv_row *row, const char *text); /* quoted where it must be */
void csv_number(struct csv_row *row, u64 value);
void csv_signed(struct csv_row *row, s64 value);
void csv_empty(struct csv_row *row);

/* csv_end() - add the line end. Return: 0, or -ERR_RANGE when the row did not fit. */
int csv_end(struct csv_row *row);

#endif
