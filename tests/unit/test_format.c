/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "format.h"

/* Formats that are wrong on purpose must not be checked by the compiler. */
static size_t unchecked(char *buf, size_t size, const char *fmt, ...)
{
	va_list args;
	size_t len;

	va_start(args, fmt);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	len = vformat(buf, size, fmt, args);
#pragma GCC diagnostic pop
	va_end(args);
	return len;
}

/* libc's printf is the oracle wherever both know the conversion. */
#define SAME_AS_LIBC(...)                                                                          \
	do {                                                                                       \
		char ours[128], theirs[128];                                                       \
		size_t len = format(ours, sizeof(ours), __VA_ARGS__);                              \
                                                                                                   \
		snprintf(theirs, sizeof(theirs), __VA_ARGS__);                                     \
		assert_string_equal(ours, theirs);                                                 \
		assert_int_equal(len, strlen(theirs));                                             \
	} while (0)

static void every_conversion_prints_what_libc_prints(void **state)
{
	(void)state;
	SAME_AS_LIBC("plain");
	SAME_AS_LIBC("%s|%c|%%", "text", 'x');
	SAME_AS_LIBC("%u %d %x", 4294967295u, -2147483647 - 1, 0xdeadbeefu);
	SAME_AS_LIBC("%lu %ld %lx", UINT64_MAX, INT64_MIN, UINT64_MAX);
	SAME_AS_LIBC("%u %d %x %lu", 0u, 0, 0u, 0ul);
}

static void width_flags_and_precision_pad_like_libc(void **state)
{
	(void)state;
	SAME_AS_LIBC("[%5u][%-5u][%05u]", 42u, 42u, 42u);
	SAME_AS_LIBC("[%5d][%-5d][%05d]", -42, -42, -42);
	SAME_AS_LIBC("[%1u][%2d]", 12345u, -12345);
	SAME_AS_LIBC("[%8s][%-8s][%2s]", "abc", "abc", "abc");
	SAME_AS_LIBC("[%.2s][%6.2s][%-6.2s][%.0s]", "abc", "abc", "abc", "abc");
	SAME_AS_LIBC("[%*u][%-*u][%*u]", 6, 1u, 6, 2u, -6, 3u);
	SAME_AS_LIBC("[%.*s][%*.*s]", 2, "abc", 5, 1, "abc");
	SAME_AS_LIBC("[%016lx][%3c][%-3c]", 0xabcul, 'x', 'y');
}

static void a_precision_reads_no_byte_beyond_it(void **state)
{
	const char text[3] = { 'a', 'b', 'c' }; /* not terminated: ASan watches the end */
	char buf[16];

	(void)state;
	assert_int_equal(format(buf, sizeof(buf), "%.3s", text), 3);
	assert_string_equal(buf, "abc");
}

static void text_is_cut_and_terminated_at_every_size(void **state)
{
	const char *whole = "sites=00256 abc";

	(void)state;
	for (size_t size = 1; size <= 20; size++) {
		char buf[24];
		size_t len, want = size - 1 < strlen(whole) ? size - 1 : strlen(whole);

		memset(buf, '#', sizeof(buf));
		len = format(buf, size, "sites=%05u %s", 256u, "abc");
		assert_int_equal(len, want);
		assert_memory_equal(buf, whole, want);
		assert_int_equal(buf[want], '\0');
		assert_int_equal(buf[size], '#');
	}
}

static void size_zero_writes_nothing(void **state)
{
	char byte = '#';

	(void)state;
	assert_int_equal(format(&byte, 0, "%s", "abc"), 0);
	assert_int_equal(byte, '#');
}

static void an_unknown_conversion_shows_and_takes_no_argument(void **state)
{
	char buf[64];

	(void)state;
	unchecked(buf, sizeof(buf), "a %u %f %s", 1u);
	assert_string_equal(buf, "a 1 %?f %s");
	unchecked(buf, sizeof(buf), "%.3u", 1u);
	assert_string_equal(buf, "%?u");
	unchecked(buf, sizeof(buf), "%i", 1);
	assert_string_equal(buf, "%?i");
	unchecked(buf, sizeof(buf), "end %");
	assert_string_equal(buf, "end %?");
}

static void a_null_string_is_named_and_not_followed(void **state)
{
	char buf[16];

	(void)state;
	unchecked(buf, sizeof(buf), "%s", (const char *)NULL);
	assert_string_equal(buf, "(null)");
}

static void every_error_has_a_word_with_or_without_sign(void **state)
{
	(void)state;
	for (int error = 1; error < NR_ERRORS; error++) {
		assert_string_not_equal(error_name(error), "unknown");
		assert_ptr_equal(error_name(error), error_name(-error));
		for (int other = 0; other < error; other++)
			assert_string_not_equal(error_name(error), error_name(other));
	}
	assert_string_equal(error_name(0), "ok");
	assert_string_equal(error_name(NR_ERRORS), "unknown");
	assert_string_equal(error_name(-NR_ERRORS), "unknown");
	assert_string_equal(error_name(-2147483647 - 1), "unknown");
}

static void texts_are_equal_only_to_the_last_character(void **state)
{
	(void)state;
	assert_true(text_equal("", ""));
	assert_true(text_equal("abc", "abc"));
	assert_false(text_equal("abc", "ab"));
	assert_false(text_equal("ab", "abc"));
	assert_false(text_equal("", "a"));
	assert_int_equal(text_len(""), 0);
	assert_int_equal(text_len("abc"), 3);
	assert_true(text_starts("", ""));
	assert_true(text_starts("abc", ""));
	assert_true(text_starts("abc", "ab"));
	assert_true(text_starts("abc", "abc"));
	assert_false(text_starts("ab", "abc"));
	assert_false(text_starts("abc", "b"));
}

static void expect_number(const char *text, int error, u64 value)
{
	u64 got = 4711;

	assert_int_equal(number_parse(&got, text), error);
	assert_true(got == (error ? 4711 : value));
}

static void numbers_are_taken_whole_or_not_at_all(void **state)
{
	(void)state;
	expect_number("0", 0, 0);
	expect_number("42", 0, 42);
	expect_number("00042", 0, 42);
	expect_number("0x1F", 0, 31);
	expect_number("0Xff", 0, 255);
	expect_number("18446744073709551615", 0, UINT64_MAX);
	expect_number("0xffffffffffffffff", 0, UINT64_MAX);
	expect_number("", -ERR_INVAL, 0);
	expect_number("0x", -ERR_INVAL, 0);
	expect_number("-1", -ERR_INVAL, 0);
	expect_number("+1", -ERR_INVAL, 0);
	expect_number(" 1", -ERR_INVAL, 0);
	expect_number("1 ", -ERR_INVAL, 0);
	expect_number("1f", -ERR_INVAL, 0);
	expect_number("0xfg", -ERR_INVAL, 0);
}

static void numbers_over_64_bits_are_refused_and_do_not_wrap(void **state)
{
	(void)state;
	expect_number("18446744073709551616", -ERR_RANGE, 0);
	expect_number("0x10000000000000000", -ERR_RANGE, 0);
	expect_number("99999999999999999999999999", -ERR_RANGE, 0);
	/* Not a number is the better message, however long it is. */
	expect_number("99999999999999999999999999x", -ERR_INVAL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_conversion_prints_what_libc_prints),
		cmocka_unit_test(width_flags_and_precision_pad_like_libc),
		cmocka_unit_test(a_precision_reads_no_byte_beyond_it),
		cmocka_unit_test(text_is_cut_and_terminated_at_every_size),
		cmocka_unit_test(size_zero_writes_nothing),
		cmocka_unit_test(an_unknown_conversion_shows_and_takes_no_argument),
		cmocka_unit_test(a_null_string_is_named_and_not_followed),
		cmocka_unit_test(every_error_has_a_word_with_or_without_sign),
		cmocka_unit_test(texts_are_equal_only_to_the_last_character),
		cmocka_unit_test(numbers_are_taken_whole_or_not_at_all),
		cmocka_unit_test(numbers_over_64_bits_are_refused_and_do_not_wrap),
	};

	return cmocka_run_group_tests_name("format", tests, NULL, NULL);
}
