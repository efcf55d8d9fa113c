/* SPDX-License-Identifier: MIT */
#include "tags.h"

#include "machine.h"
#include "x86.h"

#define WATCH_NS (150 * NSEC_PER_USEC)
/* And no more looks than that, where one is slow: an emulator has many rows, too. */
#define WATCH_LOOKS 10000

u64 tags_ratio(const struct core_cycles *before, const struct core_cycles *after)
{
	u64 core = after->core - before->core, reference = after->reference - before->reference;

	/* A product that does not fit would take hours. */
	return reference ? core * TAGS_RATIO_ONE / reference : 0;
}

u64 tags_in_cycles(u64 ticks, u64 ratio)
{
	u64 whole = ticks / TAGS_RATIO_ONE, rest = ticks % TAGS_RATIO_ONE;

	return whole * ratio + (rest * ratio + TAGS_RATIO_ONE / 2) / TAGS_RATIO_ONE;
}

static u64 largest_gap(void)
{
	u64 ticks = machine_ticks(WATCH_NS), flags = machine_irq_save();
	u64 begin = rdtsc(), last = begin, largest = 0;

	for (u32 i = 0; i < WATCH_LOOKS && last - begin < ticks; i++) {
		u64 now = rdtsc();

		if (now - last > largest)
			largest = now - last;
		last = now;
	}
	machine_irq_restore(flags);
	return largest;
}

/* Return: thousandths. */
static u64 watch_clock(struct tag_watch *watch)
{
	struct core_cycles before, after;
	bool has_core = machine_core_cycles(&before);
	u64 gap = largest_gap();

	if (gap > watch->gap_ticks)
		watch->gap_ticks = gap;
	has_core = has_core && machine_core_cycles(&after);
	return has_core ? (tags_ratio(&before, &after) + 500) / 1000 : 0;
}

/* Begun with what has been counted so far, so that a second call leaves the difference. */
static bool count(bool (*look)(u64 *ret), u64 *ret)
{
	u64 now;

	if (!look(&now))
		return false;
	*ret = now - *ret;
	return true;
}

void tags_begin(struct tag_watch *watch)
{
	struct row_tags *tags = &watch->tags;

	*watch = (struct tag_watch){ 0 };
	tags->ratio_begin = watch_clock(watch);
	tags->has_smis = count(machine_smis, &tags->smis);
	tags->has_switches = count(machine_switches, &tags->switches);
}

void tags_end(struct tag_watch *watch)
{
	struct row_tags *tags = &watch->tags;

	tags->has_smis = tags->has_smis && count(machine_smis, &tags->smis);
	tags->has_switches = tags->has_switches && count(machine_switches, &tags->switches);
	tags->ratio_end = watch_clock(watch);
	tags->has_ratio = tags->ratio_begin && tags->ratio_end;
	tags->gap_ns = machine_ns(watch->gap_ticks);
}
