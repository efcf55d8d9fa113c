/* SPDX-License-Identifier: MIT */
#include "csv.h"

#include "format.h"

static void put(struct csv_row *row, char c)
{
	if (row->len == CSV_ROW_MAX_BYTES) {
		row->too_long = true;
		return;
	}
	row->text[row->len++] = c;
}

static void next_field(struct csv_row *row)
{
	if (row->nr_fields++)
		put(row, ',');
}

static bool needs_quotes(const char *text)
{
	for (; *text; text++) {
		if (*text == ',' || *text == '"' || *text == '\r' || *text == '\n')
			return true;
	}
	return false;
}

void csv_begin(struct csv_row *row)
{
	row->len = 0;
	row->nr_fields = 0;
	row->too_long = false;
}

void csv_text(struct csv_row *row, const char *text)
{
	bool quoted = needs_quotes(text);

	next_field(row);
	if (quoted)
		put(row, '"');
	for (; *text; text++) {
		if (*text == '"')
			put(row, '"');
		put(row, *text);
	}
	if (quoted)
		put(row, '"');
}

void csv_number(struct csv_row *row, u64 value)
{
	char text[24];

	format(text, sizeof(text), "%lu", value);
	csv_text(row, text);
}

void csv_signed(struct csv_row *row, s64 value)
{
	char text[24];

	format(text, sizeof(text), "%s%lu", value < 0 ? "-" : "",
	       value < 0 ? -(u64)value : (u64)value);
	csv_text(row, text);
}

void csv_empty(struct csv_row *row)
{
	csv_text(row, "");
}

int csv_end(struct csv_row *row)
{
	put(row, '\n');
	return row->too_long ? -ERR_RANGE : 0;
}
