/* SPDX-License-Identifier: MIT */
/*
 * Guarantees G1-G3 against the weakest CPU there could be: a model of instruction fetch.
 *
 * The real engine runs on the sim machine, which shows each of its stores and syncs. The modelled
 * CPU never serialises unless a sync makes it. Until then every byte that it fetches may be any
 * version which that byte has had since: each byte for itself, each time anew. Only single bytes
 * are whole. That is what is left of Intel SDM vol. 3, "Handling Self- and Cross-Modifying Code",
 * when nothing is assumed about caches, fetch windows and order. A CPU that serialises more often
 * can fetch less, so this one stands for all.
 * After each store, around each sync, and when the batch is over, all mixes of versions are gone
 * through: each must be the old instruction as a whole (until the batch is over), the new one, or
 * begin with the INT3; and then the real handler, asked on every CPU, must know where to go on.
 */
#include "engine_fixture.h"

#include <setjmp.h>
#include <stdlib.h>

#include "child.h"
#include "x86.h"

/* Where a CPU goes on behind a site's new instruction, with all flags clear. */
enum {
	RETURNS = -1,
	NOBODYS = -2, /* an INT3 that is to stay: no trap is to be explained */
};

struct pair {
	struct change change;
	s32 goes_to; /* from the site */
};

/* Worked out by hand; the first rows are one_of_each[]. */
static const struct pair pairs[] = {
	{ { 5, NOP5, JMP32 }, 5 + 0x20 },
	{ { 2, NOP2, { 0xEB, 0x10 } }, 2 + 0x10 },
	{ { 1, NOP1, { 0xC3 } }, RETURNS },
	{ { 6, NOP6, JZ32 }, 6 },
	{ { 5, JMP32, CALL }, 5 + 0x20 },
	{ { 2, { 0x74, 0x10 }, { 0x75, 0x10 } }, 2 + 0x10 },
	{ { 5, CALL, { 0xEB, 0x10, INT3, INT3, INT3 } }, 2 + 0x10 },
	{ { 1, { 0xC3 }, { INT3 } }, NOBODYS },
	{ { 6, JZ32, { 0x0F, 0x85, 0x20, 0x00, 0x00, 0x00 } }, 6 + 0x20 },
	/* From here on old and new differ in every byte. */
	{ { 5, NOP5, { 0xE8, 0x11, 0x22, 0x33, 0x44 } }, 5 + 0x44332211 },
	{ { 5, { 0xE9, 0x11, 0x22, 0x33, 0x44 }, NOP5 }, 5 },
	{ { 5, { 0xE8, 0x11, 0x22, 0x33, 0x44 }, { 0xC3, INT3, INT3, INT3, INT3 } }, RETURNS },
	{ { 5, { 0xC3, INT3, INT3, INT3, INT3 }, { 0xE9, 1, 2, 3, 4 } }, 5 + 0x04030201 },
	{ { 6, NOP6, { 0x0F, 0x85, 0x11, 0x22, 0x33, 0x44 } }, 6 + 0x44332211 },
	{ { 2, NOP2, { 0x75, 0x21 } }, 2 + 0x21 },
	{ { 2, { 0x74, 0x10 }, { 0xEB, 0x21 } }, 2 + 0x21 },
	{ { 1, { INT3 }, NOP1 }, 1 },
	{ { 1, { 0xC3 }, NOP1 }, 1 },
};

#define NR_PAIRS ARRAY_SIZE(pairs)

/* The batch under the model. */
static struct {
	const struct pair *pairs;
	u32 nr, shift; /* of every site from its place */
	bool is_over;
} batch;

static u8 *place(u32 i)
{
	return site_addr(i) + batch.shift;
}

/* ---- What a CPU that has not serialised may fetch ---- */

#define MAX_VERSIONS 4

static struct byte {
	u8 nr, version[MAX_VERSIONS]; /* since it serialised; version[0] is what it saw then */
	bool rewritten; /* stored again with the value that it had */
} fetchable[SIM_TEXT_BYTES];

static u8 memory[SIM_TEXT_BYTES];

static bool can_fetch(const struct byte *byte, u8 value)
{
	for (u32 i = 0; i < byte->nr; i++)
		if (byte->version[i] == value)
			return true;
	return false;
}

static void add_version(struct byte *byte, u8 value)
{
	if (can_fetch(byte, value))
		return;
	if (byte->nr == MAX_VERSIONS)
		abort();
	byte->version[byte->nr++] = value;
}

/*
 * The quirk of one emulator: the INT3 of a site runs on, whatever serialises, until somebody stores
 * the byte that is there already once more.
 */
static bool keeps_int3(size_t i)
{
	return sim.caps & MACHINE_CAP_STALE_INT3 && i % STRIDE == batch.shift &&
	       can_fetch(&fetchable[i], INT3) && !fetchable[i].rewritten;
}

static void forget_old_versions(void)
{
	for (size_t i = 0; i < SIM_TEXT_BYTES; i++) {
		struct byte *byte = &fetchable[i];
		bool stale = keeps_int3(i);

		byte->nr = 0;
		add_version(byte, memory[i]);
		if (stale)
			add_version(byte, INT3);
	}
}

static void note_store(const u8 *text, size_t offset)
{
	fetchable[offset].rewritten = text[offset] == memory[offset];
	for (size_t i = 0; i < SIM_TEXT_BYTES; i++) {
		if (text[i] == memory[i])
			continue;
		add_version(&fetchable[i], text[i]);
		memory[i] = text[i];
	}
}

/* ---- What was found ---- */

struct finding {
	u64 nr;
	char first[160];
};

static struct {
	u64 nr_mixes, nr_explained;
	struct finding torn, unexplained, old_after;
	bool old[NR_PAIRS], trap[NR_PAIRS], new[NR_PAIRS]; /* has been fetchable */
} found;

static const char *moment;

static void note(struct finding *finding, u32 i, const u8 *mix)
{
	size_t size = sizeof(finding->first), end;

	if (finding->nr++)
		return;
	end = (size_t)snprintf(finding->first, size, "site %u, %s:", i, moment);
	for (u32 j = 0; j < batch.pairs[i].change.len; j++)
		end += (size_t)snprintf(finding->first + end, size - end, " %02x", mix[j]);
}

/* The real handler, on one CPU that has trapped at site @i. */
static bool is_explained_on(u32 cpu, u32 i)
{
	const struct pair *pair = &batch.pairs[i];
	u64 stack[3] = { 0, 0x1234, 0 };
	struct trap_regs regs = { .ip = (u64)place(i) + 1, .sp = (u64)&stack[1] };
	u32 patcher = sim_this_cpu;
	bool handled;

	sim_this_cpu = cpu;
	handled = smp_text_poke_int3_handler(&regs);
	sim_this_cpu = patcher;
	if (!handled)
		return false;
	if (pair->goes_to == RETURNS)
		return regs.ip == 0x1234 && regs.sp == (u64)&stack[2];
	if (regs.ip != (u64)place(i) + (u64)(s64)pair->goes_to)
		return false;
	if (pair->change.new[0] == CALL_INSN_OPCODE)
		return regs.sp == (u64)&stack[0] && stack[0] == (u64)place(i) + 5;
	return regs.sp == (u64)&stack[1];
}

static void judge_trap(u32 i, const u8 *mix)
{
	found.trap[i] = true;
	for (u32 cpu = 0; cpu < SIM_NR_CPUS; cpu++) {
		if (is_explained_on(cpu, i))
			found.nr_explained++;
		else
			note(&found.unexplained, i, mix);
	}
}

static void judge(u32 i, const u8 *mix)
{
	const struct change *change = &batch.pairs[i].change;
	bool is_old = !memcmp(mix, change->old, change->len);

	found.nr_mixes++;
	if (!memcmp(mix, change->new, change->len)) {
		found.new[i] = true;
		return;
	}
	if (batch.is_over)
		note(&found.old_after, i, mix);
	if (mix[0] == INT3 && !(is_old && !batch.is_over))
		judge_trap(i, mix);
	else if (is_old)
		found.old[i] = true;
	else
		note(&found.torn, i, mix);
}

/* Every mix of versions: counted up like the digits of a number. */
static void judge_all_mixes(u32 i)
{
	const struct byte *bytes = &fetchable[place(i) - sim_text];
	u32 len = batch.pairs[i].change.len, digit[6] = { 0 }, j;
	u8 mix[6];

	do {
		for (j = 0; j < len; j++)
			mix[j] = bytes[j].version[digit[j]];
		judge(i, mix);
		for (j = 0; j < len && ++digit[j] == bytes[j].nr; j++)
			digit[j] = 0;
	} while (j < len);
}

static void look(const char *when)
{
	moment = when;
	for (u32 i = 0; i < batch.nr; i++)
		judge_all_mixes(i);
}

/* ---- The moments ---- */

static void at_store(const u8 *text, size_t offset)
{
	note_store(text, offset);
	look("after a store");
}

static void at_event(enum sim_event_kind kind, u32 nr_of_kind)
{
	static const char *const syncs[] = { "before sync 1", "before sync 2", "before sync 3" };

	if (kind == SIM_SYNC)
		look(nr_of_kind <= 3 ? syncs[nr_of_kind - 1] : "before a further sync");
	else
		look(kind == SIM_OPEN ? "at the open" : "at the close");
}

static void at_serialise(void)
{
	forget_old_versions();
	look("after a sync");
}

static void put_old_forms(const struct pair *of, u32 nr, u32 shift)
{
	static u8 int3s[SIM_TEXT_BYTES];

	batch.pairs = of;
	batch.nr = nr;
	batch.shift = shift;
	batch.is_over = false;
	memset(int3s, INT3, sizeof(int3s));
	sim_put(0, int3s, sizeof(int3s));
	for (u32 i = 0; i < nr; i++)
		sim_put((size_t)(place(i) - sim_text), of[i].change.old, of[i].change.len);
	memcpy(memory, sim_text, sizeof(memory));
	memset(fetchable, 0, sizeof(fetchable));
	forget_old_versions();
	sim_forget();
	sim.at_store = at_store;
	sim.at_event = at_event;
	sim.at_serialise = at_serialise;
}

static void run_batch(const struct pair *of, u32 nr, u32 shift)
{
	put_old_forms(of, nr, shift);
	for (u32 i = 0; i < nr; i++)
		assert_int_equal(
			smp_text_poke_batch_add(place(i), of[i].change.new, of[i].change.len, NULL),
			0);
	assert_int_equal(smp_text_poke_batch_process(), 0);
	batch.is_over = true;
	look("when the batch is over");
}

/*
 * All in one batch, each in one of its own, and at every place in an aligned word: a tail that
 * crosses one is written in two stores.
 */
static void run_all(void)
{
	memset(&found, 0, sizeof(found));
	for (u32 shift = 0; shift < 8; shift++) {
		run_batch(pairs, NR_PAIRS, shift);
		for (u32 i = 0; i < NR_PAIRS; i++)
			run_batch(&pairs[i], 1, shift);
	}
}

static void expect_none(const struct finding *finding, const char *what)
{
	if (finding->nr)
		print_error("%s: %llu of %llu mixes, first at %s\n", what,
			    (unsigned long long)finding->nr, (unsigned long long)found.nr_mixes,
			    finding->first);
	assert_int_equal(finding->nr, 0);
}

/* ---- Oracles ---- */

/* G1 */
static void no_cpu_can_decode_a_mix_of_two_versions(void **state)
{
	(void)state;
	run_all();
	expect_none(&found.torn, "bytes of two versions");
}

/* G2, R-refs/A-refs */
static void whoever_can_fetch_the_int3_finds_its_entry(void **state)
{
	(void)state;
	run_all();
	expect_none(&found.unexplained, "an INT3 that nobody explains");
	assert_true(found.nr_explained > NR_PAIRS);
}

/* G3 */
static void after_the_batch_nobody_can_fetch_anything_old(void **state)
{
	(void)state;
	run_all();
	expect_none(&found.old_after, "old, or an INT3, after the batch");
}

/* A machine that goes on with INT3s that are gone: not before text_settle() are they forgotten. */
static void an_emulator_that_keeps_int3s_is_settled(void **state)
{
	(void)state;
	sim.caps |= MACHINE_CAP_STALE_INT3;
	run_all();
	expect_none(&found.old_after, "an INT3 after the batch");
	expect_none(&found.torn, "bytes of two versions");
	assert_int_equal(smp_text_poke_stats()->nr_settle_syncs, 1);
}

/* ---- A CPU that took the INT3 and is slow ---- */

static sigjmp_buf out_of_handler;

static void never_come_back(void)
{
	siglongjmp(out_of_handler, 1);
}

static u32 which_sync;

/* CPU 2 traps, and from the middle of the handler we go on without it. */
static void leave_a_cpu_in_the_handler(enum sim_event_kind kind, u32 nr_of_kind)
{
	struct trap_regs regs = { .sp = sim_gate(never_come_back) };

	if (kind != SIM_SYNC || nr_of_kind != which_sync)
		return;
	if (!sigsetjmp(out_of_handler, 1))
		sim_trap(2, site_addr(0), &regs);
	sim_this_cpu = 0;
}

static void check_slow_cpu(u32 nth_sync)
{
	which_sync = nth_sync;
	CHILD_REQUIRE(!queue(&to_call, 1));
	sim.at_event = leave_a_cpu_in_the_handler;
	sim.ticks_divisor = 1000;
	/* It waits for ever, so the engine can only give up, and must not give up the entry. */
	CHILD_REQUIRE(smp_text_poke_batch_process() == -ERR_TIMEOUT);
	CHILD_REQUIRE(text_poke_array.nr_entries == 1);
	CHILD_REQUIRE(text_poke_addr(&text_poke_array.vec[0]) == site_addr(0));
	CHILD_REQUIRE(!text_poke_refs_idle());
}

/* I7, R-put/A-put */
static void a_cpu_in_the_handler_keeps_its_entry_however_slow_it_is(void **state)
{
	(void)state;
	for (u32 nth_sync = 1; nth_sync <= 3; nth_sync++)
		in_child(check_slow_cpu, nth_sync);
}

/* ---- Controls: the model shows what there is to see ---- */

static void the_old_the_int3_and_the_new_are_all_fetched_at_some_moment(void **state)
{
	(void)state;
	memset(&found, 0, sizeof(found));
	run_batch(pairs, NR_PAIRS, 3);
	for (u32 i = 0; i < NR_PAIRS; i++) {
		const struct change *change = &pairs[i].change;

		assert_true(found.old[i] && found.new[i]);
		assert_int_equal(found.trap[i],
				 change->old[0] != INT3 && pairs[i].goes_to != NOBODYS);
	}
}

/* The table above has the fixture's rows, so that no form is forgotten here. */
static void every_form_of_the_fixture_is_modelled(void **state)
{
	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(one_of_each); i++)
		assert_memory_equal(&one_of_each[i], &pairs[i].change, sizeof(one_of_each[i]));
}

/* Five bytes of which each may be old or new: 32 mixes, two of them whole. */
static void a_write_without_protocol_is_torn_in_every_way(void **state)
{
	const struct pair *pair = &pairs[ARRAY_SIZE(one_of_each)];

	(void)state;
	put_old_forms(pair, 1, 0);
	assert_int_equal(text_poke(place(0), pair->change.new, 5), 0);
	memset(&found, 0, sizeof(found));
	look("at the end");
	assert_int_equal(found.nr_mixes, 32);
	assert_int_equal(found.torn.nr, 30);
	assert_true(found.old[0] && found.new[0]);
}

#define MODEL_TEST(name) cmocka_unit_test_setup(name, reset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		MODEL_TEST(no_cpu_can_decode_a_mix_of_two_versions),
		MODEL_TEST(whoever_can_fetch_the_int3_finds_its_entry),
		MODEL_TEST(after_the_batch_nobody_can_fetch_anything_old),
		MODEL_TEST(an_emulator_that_keeps_int3s_is_settled),
		MODEL_TEST(a_cpu_in_the_handler_keeps_its_entry_however_slow_it_is),
		MODEL_TEST(the_old_the_int3_and_the_new_are_all_fetched_at_some_moment),
		MODEL_TEST(every_form_of_the_fixture_is_modelled),
		MODEL_TEST(a_write_without_protocol_is_torn_in_every_way),
	};

	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests_name("fetch_model", tests, NULL, NULL);
}
