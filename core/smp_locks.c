/* SPDX-License-Identifier: MIT */
/*
 * Lock-prefix switching: one byte per site, to UP form and back.
 */
#include "smp_locks.h"

#include "fault.h"
#include "machine.h"
#include "machine_text.h"
#include "text_patching.h"
#include "x86.h"

struct prefix_change {
	u8 from, to;
	const u8 *text, *text_end;
	ptrdiff_t delta;
};

static void note_unexpected(struct smp_locks_result *ret, const s32 *entry)
{
	if (!ret->first_unexpected)
		ret->first_unexpected = entry;
}

static bool left_out(const struct prefix_change *change)
{
	return change->to == LOCK_PREFIX_BYTE ? fault(LOCKS_NOT_RESTORED)
					      : fault(LOCKS_NOT_REMOVED);
}

/* One entry, one outcome; the first is what all but a few have, and has no branch taken. */
static force_inline void change_entry(const struct prefix_change *change, const s32 *entry,
				      struct smp_locks_result *ret)
{
	u8 *prefix = self_relative(entry);
	bool in_text = prefix >= change->text && prefix < change->text_end + fault(LOCKS_TEXT_END);

	if (__builtin_expect(*entry && in_text && *prefix == change->from, 1)) {
		if (!left_out(change))
			*(volatile u8 *)(prefix + change->delta) = change->to;
		ret->nr_changed++;
	} else if (!*entry) {
		ret->nr_zero++;
	} else if (!in_text) {
		ret->nr_out_of_range++;
		note_unexpected(ret, entry);
	} else if (*prefix == change->to) {
		ret->nr_already++;
	} else {
		ret->nr_unexpected++;
		note_unexpected(ret, entry);
	}
}

/*
 * Copies of what is asked for, and counts in registers: the compiler has to take each store to text
 * for one that could change what it points at, and a look at memory for each costs more than that.
 */
static void change_entries(const s32 *start, const s32 *end, const struct prefix_change change,
			   struct smp_locks_result *ret)
{
	struct smp_locks_result sum = { 0 };

	for (const s32 *entry = start; entry < end; entry++)
		change_entry(&change, entry, &sum);
	*ret = sum;
}

static int change_prefixes(const s32 *start, const s32 *end, struct prefix_change *change,
			   struct smp_locks_result *ret)
{
	int err;

	*ret = (struct smp_locks_result){ 0 };
	if (!text_mutex_held())
		return -ERR_PERM;
	if (change->text_end < change->text ||
	    !text_contains(change->text, change->text_end - change->text))
		return -ERR_RANGE;
	err = text_alias_open(&change->delta);
	if (err)
		return err;
	change_entries(start, end, *change, ret);
	text_alias_close();
	/* This CPU may have the old prefixes decoded; without it the next pass could still lock. */
	sync_this_core();
	return 0;
}

int alternatives_smp_unlock(const s32 *start, const s32 *end, u8 *text, u8 *text_end,
			    enum smp_up_form form, struct smp_locks_result *ret)
{
	struct prefix_change change = {
		.from = LOCK_PREFIX_BYTE, .to = form, .text = text, .text_end = text_end
	};

	return change_prefixes(start, end, &change, ret);
}

int alternatives_smp_lock(const s32 *start, const s32 *end, u8 *text, u8 *text_end,
			  enum smp_up_form form, struct smp_locks_result *ret)
{
	struct prefix_change change = {
		.from = form, .to = LOCK_PREFIX_BYTE, .text = text, .text_end = text_end
	};

	return change_prefixes(start, end, &change, ret);
}

bool smp_locks_touch(const s32 *start, const s32 *end, const u8 *text, const u8 *text_end,
		     const u8 *from, const u8 *to)
{
	const u8 *low = from > text ? from : text;
	const u8 *high = to < text_end ? to : text_end;

	/* Most text has nothing to do with what is asked for. */
	if (low >= high)
		return false;
	for (const s32 *entry = start; entry < end; entry++) {
		const u8 *prefix = self_relative(entry);

		if (*entry && prefix >= low && prefix < high)
			return true;
	}
	return false;
}
