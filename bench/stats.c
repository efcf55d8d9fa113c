/* SPDX-License-Identifier: MIT */
#include "stats.h"

static void swap(u64 *a, u64 *b)
{
	u64 tmp = *a;

	*a = *b;
	*b = tmp;
}

/* Let the value at @root sink until neither child is larger. */
static void sift_down(u64 *heap, size_t root, size_t n)
{
	for (size_t child; (child = 2 * root + 1) < n; root = child) {
		if (child + 1 < n && heap[child] < heap[child + 1])
			child++;
		if (heap[root] >= heap[child])
			return;
		swap(&heap[root], &heap[child]);
	}
}

void stats_sort(u64 *samples, size_t n)
{
	for (size_t i = n / 2; i-- > 0;)
		sift_down(samples, i, n);
	for (size_t end = n; end-- > 1;) {
		swap(&samples[0], &samples[end]);
		sift_down(samples, 0, end);
	}
}

/* Nearest rank: the ceil(n * share / 1000)th of n > 0 sorted values. */
static u64 percentile(const u64 *sorted, size_t n, u32 share_per_mille)
{
	return sorted[(n * share_per_mille + 999) / 1000 - 1];
}

static u64 median_deviation(const u64 *samples, u64 *scratch, size_t n, u64 middle)
{
	for (size_t i = 0; i < n; i++)
		scratch[i] = samples[i] > middle ? samples[i] - middle : middle - samples[i];
	stats_sort(scratch, n);
	return percentile(scratch, n, 500);
}

void stats_compute(struct stats *ret, u64 *samples, u64 *scratch, size_t n)
{
	*ret = (struct stats){ .n = n };
	if (n == 0)
		return;
	stats_sort(samples, n);
	ret->min = samples[0];
	ret->p50 = percentile(samples, n, 500);
	ret->p90 = percentile(samples, n, 900);
	ret->p99 = percentile(samples, n, 990);
	ret->p999 = percentile(samples, n, 999);
	ret->max = samples[n - 1];
	ret->mad = median_deviation(samples, scratch, n, ret->p50);
}
