/* SPDX-License-Identifier: MIT */
#include "peaks.h"

#define SHARE 10 /* a window holds one in so many samples */

struct windows {
	const u64 *sorted;
	size_t nr; /* how many there are */
	size_t len; /* samples in each */
	u64 step; /* what is narrower counts as so wide */
};

static u64 width(const struct windows *w, size_t i)
{
	u64 span = w->sorted[i + w->len - 1] - w->sorted[i];

	return span > w->step ? span : w->step;
}

static u64 middle(const struct windows *w, size_t i)
{
	return w->sorted[i + w->len / 2];
}

static size_t narrowest(const struct windows *w)
{
	size_t best = 0;

	for (size_t i = 1; i < w->nr; i++)
		if (width(w, i) < width(w, best))
			best = i;
	return best;
}

/* What the clock moves by, as far as the samples show it. */
static u64 smallest_step(const u64 *sorted, size_t n)
{
	u64 step = UINT64_MAX;

	for (size_t i = 1; i < n; i++)
		if (sorted[i] != sorted[i - 1] && sorted[i] - sorted[i - 1] < step)
			step = sorted[i] - sorted[i - 1];
	return step == UINT64_MAX ? 0 : step;
}

/* The best second peak so far: the deeper the valley before it, against the wider of the two. */
struct second {
	size_t at;
	u64 valley, peak;
};

static bool is_deeper(u64 valley, u64 peak, const struct second *than)
{
	return valley / peak >= PEAKS_VALLEY &&
	       (!than->peak || valley / peak > than->valley / than->peak);
}

/* From the first peak outwards, in one direction, with the widest window met so far. */
static void look(const struct windows *w, size_t first, bool up, struct second *best)
{
	u64 widest = 0;

	for (size_t i = first; up ? i + 1 < w->nr : i > 0;) {
		u64 here, peak;

		i = up ? i + 1 : i - 1;
		here = width(w, i);
		if (here > widest)
			widest = here;
		peak = here > width(w, first) ? here : width(w, first);
		if (is_deeper(widest, peak, best))
			*best = (struct second){ .at = i, .valley = widest, .peak = peak };
	}
}

struct peaks peaks_find(const u64 *sorted, size_t n)
{
	struct windows w = { .sorted = sorted, .len = n / SHARE };
	struct second second = { 0 };
	size_t first;
	u64 a, b, step;

	if (n < PEAKS_MIN_SAMPLES)
		return (struct peaks){ 0 };
	w.nr = n - w.len + 1;
	step = smallest_step(sorted, n);
	w.step = sorted[n / 2] / 100 + 1;
	if (step > w.step)
		w.step = step;
	first = narrowest(&w);
	look(&w, first, true, &second);
	look(&w, first, false, &second);
	if (!second.peak)
		return (struct peaks){ 0 };
	a = middle(&w, first);
	b = middle(&w, second.at);
	return (struct peaks){ .low = a < b ? a : b, .high = a < b ? b : a };
}
