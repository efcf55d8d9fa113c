/* SPDX-License-Identifier: MIT */
/*
 * Guarantee: whatever a table of lock prefixes holds, alternatives_smp_lock() and _unlock() change
 * prefixes in the range of text they were given and no other byte, and count every entry once.
 */
#include "fuzz.h"

#include <sanitizer/asan_interface.h>

#include "sim_machine.h"
#include "smp_locks.h"
#include "text_patching.h"

#define MAX_ENTRIES 64

/* Beside the text: an entry reaches 2 GiB, and the heap is farther away. */
static s32 table[MAX_ENTRIES + 8] __attribute__((aligned(32)));
static u8 want[SIM_TEXT_BYTES];

struct call {
	u8 *text, *text_end;
	const s32 *end;
	enum smp_up_form form;
	bool lock; /* back to LOCK */
};

static const u8 prefixes[] = { 0xF0, 0x3E, 0x90, 0x00 };

static void put_text(struct fuzz_input *in)
{
	u8 bytes[SIM_TEXT_BYTES];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = prefixes[i % 7 % 4];
	for (u8 nr = take_u8(in) % 32; nr; nr--)
		bytes[take_u16(in) % sizeof(bytes)] = take_u8(in);
	sim_put(0, bytes, sizeof(bytes));
	memcpy(want, bytes, sizeof(want));
}

static s32 take_entry(struct fuzz_input *in, const s32 *entry)
{
	u8 how = take_u8(in) % 8;

	if (how == 0)
		return 0;
	if (how == 1)
		return (s32)take_bytes(in, 4);
	return (s32)(sim_text - (u8 *)entry + (s64)(take_u16(in) % (SIM_TEXT_BYTES + 32)) - 16);
}

static struct call take_call(struct fuzz_input *in)
{
	u8 how = take_u8(in);
	size_t from = take_u16(in) % SIM_TEXT_BYTES, to = take_u16(in) % SIM_TEXT_BYTES;
	struct call call = {
		.text = sim_text + from,
		.text_end = sim_text + to,
		.end = table + take_u8(in) % (MAX_ENTRIES + 1),
		.form = how & 1 ? SMP_UP_NOP : SMP_UP_DS,
		.lock = how & 2,
	};

	if (how & 4)
		call.text = sim_text;
	if (how & 8)
		call.text_end = sim_text + SIM_TEXT_BYTES;
	for (s32 *entry = table; entry < call.end; entry++)
		*entry = take_entry(in, entry);
	return call;
}

/* Two entries for one prefix: the second finds it changed, or not yet, by the kind of machine. */
struct counts {
	u32 nr_prefixes, nr_zero, nr_out_of_range, nr_unexpected;
	const s32 *first;
};

static struct counts count(const struct call *call)
{
	u8 from = call->lock ? call->form : LOCK_PREFIX_BYTE;
	u8 to = call->lock ? LOCK_PREFIX_BYTE : call->form;
	struct counts counts = { 0 };

	for (const s32 *entry = table; entry < call->end; entry++) {
		u64 addr = (u64)entry + (u64)(s64)*entry, offset = addr - (u64)sim_text;
		bool outside = addr < (u64)call->text || addr >= (u64)call->text_end;

		if (!*entry) {
			counts.nr_zero++;
		} else if (outside) {
			counts.nr_out_of_range++;
		} else if (want[offset] == from || want[offset] == to) {
			want[offset] = to;
			counts.nr_prefixes++;
		} else {
			counts.nr_unexpected++;
		}
		if (!counts.first && counts.nr_out_of_range + counts.nr_unexpected)
			counts.first = entry;
	}
	return counts;
}

static int ask(const struct call *call, struct smp_locks_result *ret)
{
	int err;

	ASAN_POISON_MEMORY_REGION(call->end,
				  (size_t)((char *)(table + MAX_ENTRIES + 8) - (char *)call->end));
	if (call->lock)
		err = alternatives_smp_lock(table, call->end, call->text, call->text_end,
					    call->form, ret);
	else
		err = alternatives_smp_unlock(table, call->end, call->text, call->text_end,
					      call->form, ret);
	ASAN_UNPOISON_MEMORY_REGION(table, sizeof(table));
	return err;
}

static void check(const struct call *call, bool locked)
{
	int want_err = !locked ? -ERR_PERM : call->text_end < call->text ? -ERR_RANGE : 0;
	struct smp_locks_result got;
	int err = ask(call, &got);

	MUST(err == want_err, "error %d instead of %d", err, want_err);
	if (!err) {
		struct counts counts = count(call);

		MUST(got.nr_changed + got.nr_already == counts.nr_prefixes, "prefixes");
		MUST(got.nr_zero == counts.nr_zero, "zeroes");
		MUST(got.nr_out_of_range == counts.nr_out_of_range, "out of range");
		MUST(got.nr_unexpected == counts.nr_unexpected, "unexpected");
		MUST(got.first_unexpected == counts.first, "the first unexpected");
	}
	MUST(!memcmp(sim_text, want, sizeof(want)), "a byte was written that no entry names");
	MUST(!sim.alias_is_open, "the alias was left open");
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_input in = { data, size };
	static bool ready;

	if (!ready)
		sim_reset();
	if (!ready)
		text_unregister(sim_text); /* nobody asks where instructions begin */
	ready = true;
	put_text(&in);
	while (in.left) {
		bool locked = take_u8(&in) % 8;
		struct call call = take_call(&in);

		if (locked)
			text_mutex_lock();
		check(&call, locked);
		if (locked)
			text_mutex_unlock();
	}
	return 0;
}
