/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <string.h>

#include "csv.h"
#include "csv_read.h"

static const char *row_text(struct csv_row *row)
{
	static char text[CSV_ROW_MAX_BYTES + 1];

	memcpy(text, row->text, row->len);
	text[row->len] = '\0';
	return text;
}

static void expect_field(const char *field, const char *want)
{
	struct csv_row row;

	csv_begin(&row);
	csv_text(&row, field);
	assert_int_equal(csv_end(&row), 0);
	assert_string_equal(row_text(&row), want);
}

static void plain_text_is_not_quoted(void **state)
{
	(void)state;
	expect_field("plain text; 'single' \\ tab\t", "plain text; 'single' \\ tab\t\n");
}

static void comma_quote_cr_and_lf_are_quoted(void **state)
{
	(void)state;
	expect_field("a,b", "\"a,b\"\n");
	expect_field("a\"b", "\"a\"\"b\"\n");
	expect_field("a\rb", "\"a\rb\"\n");
	expect_field("a\nb", "\"a\nb\"\n");
	expect_field("\"", "\"\"\"\"\n");
	expect_field(",", "\",\"\n");
}

static void fields_are_separated_and_empty_ones_kept(void **state)
{
	struct csv_row row;

	(void)state;
	csv_begin(&row);
	csv_empty(&row);
	csv_number(&row, 0);
	csv_number(&row, UINT64_MAX);
	csv_text(&row, "");
	csv_text(&row, "x");
	csv_empty(&row);
	assert_int_equal(csv_end(&row), 0);
	assert_string_equal(row_text(&row), ",0,18446744073709551615,,x,\n");
}

static void begin_forgets_the_row_before(void **state)
{
	struct csv_row row;

	(void)state;
	csv_begin(&row);
	for (int i = 0; i < CSV_ROW_MAX_BYTES; i++)
		csv_text(&row, "x");
	assert_int_equal(csv_end(&row), -ERR_RANGE);
	csv_begin(&row);
	csv_text(&row, "y");
	assert_int_equal(csv_end(&row), 0);
	assert_string_equal(row_text(&row), "y\n");
}

static void a_row_that_does_not_fit_to_the_last_byte_is_refused(void **state)
{
	char text[CSV_ROW_MAX_BYTES + 1];
	struct csv_row row;

	(void)state;
	memset(text, 'x', sizeof(text));
	text[CSV_ROW_MAX_BYTES - 1] = '\0';
	csv_begin(&row);
	csv_text(&row, text);
	assert_int_equal(csv_end(&row), 0); /* text and line end fill it exactly */
	assert_int_equal(row.len, CSV_ROW_MAX_BYTES);

	text[CSV_ROW_MAX_BYTES - 1] = 'x';
	text[CSV_ROW_MAX_BYTES] = '\0';
	csv_begin(&row);
	csv_text(&row, text);
	assert_int_equal(csv_end(&row), -ERR_RANGE);
}

static void any_text_comes_back_from_a_reader(void **state)
{
	static const char alphabet[] = "a,\"\r\n b";
	u64 random = 12345;

	(void)state;
	for (int round = 0; round < 2000; round++) {
		char fields[4][12];
		struct csv_fields read;
		struct csv_row row;

		csv_begin(&row);
		for (int i = 0; i < 4; i++) {
			size_t len = 0;

			for (; len < sizeof(fields[i]) - 1; len++) {
				random = random * 6364136223846793005ull + 1442695040888963407ull;
				if ((random >> 40) % 5 == 0)
					break;
				fields[i][len] = alphabet[(random >> 33) % (sizeof(alphabet) - 1)];
			}
			fields[i][len] = '\0';
			csv_text(&row, fields[i]);
		}
		assert_int_equal(csv_end(&row), 0);
		assert_non_null(csv_read(&read, row_text(&row)));
		assert_int_equal(read.nr, 4);
		for (int i = 0; i < 4; i++)
			assert_string_equal(read.field[i], fields[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_text_is_not_quoted),
		cmocka_unit_test(comma_quote_cr_and_lf_are_quoted),
		cmocka_unit_test(fields_are_separated_and_empty_ones_kept),
		cmocka_unit_test(begin_forgets_the_row_before),
		cmocka_unit_test(a_row_that_does_not_fit_to_the_last_byte_is_refused),
		cmocka_unit_test(any_text_comes_back_from_a_reader),
	};

	return cmocka_run_group_tests_name("csv", tests, NULL, NULL);
}
