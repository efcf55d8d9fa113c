/* SPDX-License-Identifier: MIT */
/*
 * Expected figures were worked out apart from this code: by hand for the small sets, with Python's
 * sorted() and the definition of nearest rank for the others.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "peaks.h"
#include "published_data.h"
#include "stats.h"

#define MAX_VALUES 1024

static void expect_stats(const u64 *values, size_t n, struct stats want)
{
	u64 samples[MAX_VALUES], scratch[MAX_VALUES];
	struct stats got;

	memcpy(samples, values, n * sizeof(u64));
	stats_compute(&got, samples, scratch, n);
	assert_int_equal(got.n, want.n);
	assert_true(got.min == want.min);
	assert_true(got.p50 == want.p50);
	assert_true(got.p90 == want.p90);
	assert_true(got.p99 == want.p99);
	assert_true(got.p999 == want.p999);
	assert_true(got.max == want.max);
	assert_true(got.mad == want.mad);
}

static void no_samples_give_all_zeros_and_touch_nothing(void **state)
{
	struct stats got;

	(void)state;
	memset(&got, 0xff, sizeof(got));
	stats_compute(&got, NULL, NULL, 0);
	assert_true(got.n == 0 && got.min == 0 && got.p50 == 0 && got.max == 0 && got.mad == 0);
}

static void one_sample_is_every_percentile(void **state)
{
	const u64 one[] = { 7 };

	(void)state;
	expect_stats(one, 1, (struct stats){ 1, 7, 7, 7, 7, 7, 7, 0 });
}

static void the_median_of_two_is_a_measured_value_not_their_mean(void **state)
{
	const u64 two[] = { 9, 4 };

	(void)state;
	expect_stats(two, 2, (struct stats){ 2, 4, 4, 9, 9, 9, 9, 0 });
}

static void equal_samples_have_no_spread(void **state)
{
	const u64 five[] = { 5, 5, 5, 5, 5 };

	(void)state;
	expect_stats(five, 5, (struct stats){ 5, 5, 5, 5, 5, 5, 5, 0 });
}

static void ranks_of_1_to_1000_in_any_order(void **state)
{
	const struct stats want = { 1000, 1, 500, 900, 990, 999, 1000, 250 };
	u64 values[1000];

	(void)state;
	for (u64 i = 0; i < 1000; i++)
		values[i] = i + 1;
	expect_stats(values, 1000, want);
	for (u64 i = 0; i < 1000; i++)
		values[i] = 1000 - i;
	expect_stats(values, 1000, want);
	for (u64 i = 0; i < 1000; i++)
		values[i] = i * 387 % 1000 + 1;
	expect_stats(values, 1000, want);
}

static void a_small_set_with_repeats(void **state)
{
	const u64 digits[] = { 3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5 };

	(void)state;
	expect_stats(digits, 11, (struct stats){ 11, 1, 4, 6, 9, 9, 9, 1 });
}

/* 90% of 6 is 5.4: the fifth value has only 83% at or below it. */
static void a_rank_is_never_rounded_down(void **state)
{
	const u64 six[] = { 1, 2, 3, 4, 5, 6 };

	(void)state;
	expect_stats(six, 6, (struct stats){ 6, 1, 3, 6, 6, 6, 6, 1 });
}

static void one_outlier_in_1000_is_the_maximum_and_not_p999(void **state)
{
	u64 values[1000];

	(void)state;
	for (u32 i = 0; i < 1000; i++)
		values[i] = 10;
	values[123] = 1000000;
	expect_stats(values, 1000, (struct stats){ 1000, 10, 10, 10, 10, 10, 1000000, 0 });
}

static void the_largest_values_do_not_wrap(void **state)
{
	const u64 top = UINT64_MAX;
	const u64 ends[] = { top, 0, top, 1 }, tops[] = { top, top, top };

	(void)state;
	expect_stats(ends, 4, (struct stats){ 4, 0, 1, top, top, top, top, 1 });
	expect_stats(tops, 3, (struct stats){ 3, top, top, top, top, top, top, 0 });
}

static int by_value(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return (x > y) - (x < y);
}

static void sorting_agrees_with_qsort_at_every_length(void **state)
{
	u64 ours[200], theirs[200], random = 1;

	(void)state;
	for (size_t n = 0; n <= 200; n++) {
		for (size_t i = 0; i < n; i++) {
			random = random * 6364136223846793005ull + 1442695040888963407ull;
			ours[i] = theirs[i] = n % 2 ? random : random >> 61;
		}
		stats_sort(ours, n);
		qsort(theirs, n, sizeof(u64), by_value);
		assert_memory_equal(ours, theirs, n * sizeof(u64));
	}
}

static void published_data_give_published_figures(void **state)
{
	u64 sum = 0;

	(void)state;
	for (u32 i = 0; i < 100; i++)
		sum += michelson[i];
	/* The data were typed in right. */
	assert_int_equal(sum, 85240);
	expect_stats(michelson, 100, (struct stats){ 100, 620, 850, 960, 1000, 1070, 1070, 40 });
	expect_stats(old_faithful, 272,
		     (struct stats){ 272, 1600, 4000, 4700, 5033, 5100, 5100, 633 });
}

/* ---- Peaks ---- */

static struct peaks peaks_of(const u64 *values, size_t n)
{
	u64 sorted[MAX_VALUES];

	memcpy(sorted, values, n * sizeof(u64));
	stats_sort(sorted, n);
	return peaks_find(sorted, n);
}

static void expect_one_peak(const u64 *values, size_t n)
{
	struct peaks got = peaks_of(values, n);

	assert_true(!got.low && !got.high);
}

static void the_geyser_has_two_peaks_and_light_has_one(void **state)
{
	struct peaks got = peaks_of(old_faithful, 272);

	(void)state;
	assert_in_range(got.low, 1800, 2000);
	assert_in_range(got.high, 4200, 4700);
	expect_one_peak(michelson, 100);
}

/* Two modes of a CPU, as they were seen: 0.72 and 3.97 cycles, any share from a tenth on. */
static void two_modes_are_found_whatever_their_share(void **state)
{
	u64 values[1000];

	(void)state;
	for (u32 share = 110; share <= 890; share += 10) {
		struct peaks got;

		for (u32 i = 0; i < 1000; i++)
			values[i] = i < share ? 720 + i % 9 : 3970 + i % 23;
		got = peaks_of(values, 1000);
		assert_in_range(got.low, 720, 728);
		assert_in_range(got.high, 3970, 3992);
	}
}

static void a_tail_is_no_second_peak(void **state)
{
	u64 values[1000];

	(void)state;
	for (u32 i = 0; i < 1000; i++)
		values[i] = i < 930 ? 1000 + i : 1000000 + i;
	expect_one_peak(values, 1000);
	for (u32 i = 0; i < 1000; i++)
		values[i] = 1000 + i * i * i / 1000;
	expect_one_peak(values, 1000);
}

static void the_steps_of_a_clock_are_no_peaks(void **state)
{
	u64 values[1000];

	(void)state;
	for (u32 i = 0; i < 1000; i++)
		values[i] = 2000 + i % 2 * 20;
	expect_one_peak(values, 1000);
	/* Two or three steps of a clock that moves by 26. */
	for (u32 i = 0; i < 1000; i++)
		values[i] = i % 2 ? 52 : 78;
	expect_one_peak(values, 1000);
	for (u32 i = 0; i < 1000; i++)
		values[i] = 7;
	expect_one_peak(values, 1000);
}

static void too_few_samples_say_nothing_and_the_largest_do_not_wrap(void **state)
{
	u64 values[PEAKS_MIN_SAMPLES];

	(void)state;
	for (u32 i = 0; i < PEAKS_MIN_SAMPLES; i++)
		values[i] = i % 2 ? 10 : UINT64_MAX - 10;
	expect_one_peak(values, PEAKS_MIN_SAMPLES - 1);
	expect_one_peak(values, 0);
	(void)peaks_of(values, PEAKS_MIN_SAMPLES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_data_give_published_figures),
		cmocka_unit_test(the_geyser_has_two_peaks_and_light_has_one),
		cmocka_unit_test(two_modes_are_found_whatever_their_share),
		cmocka_unit_test(a_tail_is_no_second_peak),
		cmocka_unit_test(the_steps_of_a_clock_are_no_peaks),
		cmocka_unit_test(too_few_samples_say_nothing_and_the_largest_do_not_wrap),
		cmocka_unit_test(no_samples_give_all_zeros_and_touch_nothing),
		cmocka_unit_test(one_sample_is_every_percentile),
		cmocka_unit_test(the_median_of_two_is_a_measured_value_not_their_mean),
		cmocka_unit_test(equal_samples_have_no_spread),
		cmocka_unit_test(ranks_of_1_to_1000_in_any_order),
		cmocka_unit_test(a_small_set_with_repeats),
		cmocka_unit_test(a_rank_is_never_rounded_down),
		cmocka_unit_test(one_outlier_in_1000_is_the_maximum_and_not_p999),
		cmocka_unit_test(the_largest_values_do_not_wrap),
		cmocka_unit_test(sorting_agrees_with_qsort_at_every_length),
	};

	return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
