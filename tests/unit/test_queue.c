/* SPDX-License-Identifier: MIT */
/*
 * Guarantees: the queue stays sorted and goes out by itself exactly when it must; sites that
 * overlap, lie out of reach, or are asked for in the wrong context are refused, and nothing is
 * written. The rules about bytes: test_queue_rules.c.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "queue_fixture.h"
#include "sim_machine.h"
#include "text_patching.h"

#define INT3 0xCC
#define STRIDE 64
#define MAX_SITES 257

static const u8 nop5[] = { 0x0F, 0x1F, 0x44, 0x00, 0x00 };
static const u8 jmp32[] = { 0xE9, 0x20, 0x00, 0x00, 0x00 };

static int reset(void **state)
{
	(void)state;
	sim_reset();
	text_mutex_lock();
	return 0;
}

/* ---- Order and auto-flush ---- */

static u32 nr_unsorted, sites_processed;

static void check_sorted(enum sim_event_kind kind, u32 nr_of_kind)
{
	(void)nr_of_kind;
	if (kind != SIM_OPEN)
		return;
	sites_processed += text_poke_array.nr_entries;
	for (u32 i = 1; i < text_poke_array.nr_entries; i++)
		nr_unsorted += text_poke_array.vec[i].rel_addr <=
			       text_poke_array.vec[i - 1].rel_addr;
}

/* When must the queue go out? Counted here from the order alone, without a queue. */
static u32 batches_expected(const u32 *order, u32 nr)
{
	u32 batches = 0, queued = 0;

	for (u32 i = 0; i < nr; i++) {
		if (queued && (order[i] < order[i - 1] || queued == 256)) {
			batches++;
			queued = 0;
		}
		queued++;
	}
	return batches + (queued > 0);
}

static void expect_batches(const u32 *order, u32 nr, u32 batches)
{
	u64 before;

	sim_reset();
	text_mutex_lock();
	nr_unsorted = sites_processed = 0;
	sim.at_event = check_sorted;
	before = smp_text_poke_stats()->nr_batches;
	for (u32 i = 0; i < nr; i++)
		sim_put(order[i] * STRIDE, nop5, 5);
	for (u32 i = 0; i < nr; i++)
		assert_int_equal(
			smp_text_poke_batch_add(sim_text + order[i] * STRIDE, jmp32, 5, NULL), 0);
	assert_int_equal(smp_text_poke_batch_finish(), 0);
	assert_int_equal(smp_text_poke_stats()->nr_batches - before, batches);
	assert_int_equal(nr_unsorted, 0);
	assert_int_equal(sites_processed, nr);
	for (u32 i = 0; i < nr; i++)
		assert_memory_equal(sim_text + order[i] * STRIDE, jmp32, 5);
}

static const u32 sizes[] = { 1, 2, 255, 256, 257 };

static void ascending_addresses_fill_the_queue(void **state)
{
	static const u32 batches[] = { 1, 1, 1, 1, 2 };
	u32 order[MAX_SITES];

	(void)state;
	for (u32 i = 0; i < MAX_SITES; i++)
		order[i] = i;
	for (u32 i = 0; i < ARRAY_SIZE(sizes); i++)
		expect_batches(order, sizes[i], batches[i]);
}

static void descending_addresses_flush_every_time(void **state)
{
	u32 order[MAX_SITES];

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (u32 j = 0; j < sizes[i]; j++)
			order[j] = sizes[i] - 1 - j;
		expect_batches(order, sizes[i], sizes[i]);
	}
}

static u64 next_random(u64 *seed)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return *seed >> 33;
}

static void random_addresses_flush_at_each_descent(void **state)
{
	const char *given = getenv("SEED");
	u64 seed = given ? strtoull(given, NULL, 0) : 20261122, first = seed;
	u32 order[MAX_SITES];

	(void)state;
	print_message("# repeat with: SEED=%llu ONLY=random* test_queue\n",
		      (unsigned long long)first);
	for (int round = 0; round < 20; round++) {
		for (u32 i = 0; i < MAX_SITES; i++) {
			u32 j = next_random(&seed) % (i + 1);

			order[i] = order[j];
			order[j] = i;
		}
		for (u32 i = 0; i < ARRAY_SIZE(sizes); i++)
			expect_batches(order, sizes[i], batches_expected(order, sizes[i]));
	}
}

static void a_single_flushes_what_was_pending(void **state)
{
	(void)state;
	sim_put(0, nop5, 5);
	sim_put(STRIDE, nop5, 5);
	assert_int_equal(smp_text_poke_batch_add(sim_text, jmp32, 5, NULL), 0);
	assert_int_equal(sim.nr_events, 0);
	assert_int_equal(smp_text_poke_single(sim_text + STRIDE, jmp32, 5, NULL), 0);
	assert_string_equal(sim_order(), "OSSSC");
	assert_memory_equal(sim_text, jmp32, 5);
	assert_memory_equal(sim_text + STRIDE, jmp32, 5);
}

static void a_flush_that_fails_leaves_the_new_site_out(void **state)
{
	(void)state;
	sim_put(0, nop5, 5);
	sim_put(STRIDE, nop5, 5);
	assert_int_equal(smp_text_poke_batch_add(sim_text + STRIDE, jmp32, 5, NULL), 0);
	sim.fail_open = true;
	assert_int_equal(smp_text_poke_batch_add(sim_text, jmp32, 5, NULL), -ERR_FAULT);
	sim.fail_open = false;
	assert_int_equal(smp_text_poke_batch_finish(), 0);
	assert_memory_equal(sim_text, nop5, 5);
}

/* ---- Places ---- */

/* s32 from _stext: a buffer of the heap is terabytes away from the image. */
static void a_site_out_of_reach_is_refused(void **state)
{
	u8 *far = malloc(5);

	(void)state;
	assert_true(labs(far - (u8 *)_stext) > INT32_MAX);
	memcpy(far, nop5, 5);
	expect_refused_as("far", smp_text_poke_batch_add(far, jmp32, 5, NULL),
			  TEXT_POKE_RULE_REACH);
	assert_memory_equal(far, nop5, 5);
	free(far);
}

static void expect_overlap(size_t offset, const u8 *opcode, size_t len)
{
	u64 before;

	sim_put(offset, opcode, len);
	before = sim_hash();
	expect_refused_as("overlap", smp_text_poke_batch_add(sim_text + offset, opcode, len, NULL),
			  TEXT_POKE_RULE_OVERLAP);
	assert_int_equal(text_poke_array.nr_entries, 1);
	assert_int_equal(sim_hash(), before);
	assert_string_equal(sim_order(), "");
}

/*
 * Every way two sites can touch, from both sides; and side by side, which is fine. What is asked
 * for stands there already each time, so that only the overlap can be the reason.
 */
static void overlapping_sites_are_refused_from_both_sides(void **state)
{
	static const u8 jmp8[] = { 0xEB, 0 }, ret = 0xC3;

	(void)state;
	sim_put(64, nop5, 5);
	assert_int_equal(smp_text_poke_batch_add(sim_text + 64, jmp32, 5, NULL), 0);
	expect_overlap(64, jmp32, 5);
	expect_overlap(66, jmp8, 2);
	expect_overlap(63, jmp8, 2);
	expect_overlap(68, jmp8, 2);

	/* The controls: the bytes right behind and right before. */
	sim_put(63, &ret, 1);
	sim_put(69, &ret, 1);
	assert_int_equal(smp_text_poke_batch_add(sim_text + 69, &ret, 1, NULL), 0);
	assert_int_equal(text_poke_array.nr_entries, 2);
	assert_int_equal(smp_text_poke_batch_add(sim_text + 63, &ret, 1, NULL), 0);
	assert_int_equal(text_poke_array.nr_entries, 1); /* out of order: it flushed */
}

/* A six-byte site reaches furthest; its last byte counts. */
static void overlap_is_seen_through_the_longest_site(void **state)
{
	static const u8 nop6[] = { 0x66, 0x0F, 0x1F, 0x44, 0, 0 },
			jz32[] = { 0x0F, 0x84, 0, 0, 0, 0 }, ret = 0xC3;

	(void)state;
	sim_put(64, nop6, 6);
	assert_int_equal(smp_text_poke_batch_add(sim_text + 64, jz32, 6, NULL), 0);
	sim_put(69, &ret, 1);
	expect_refused_as("its last byte", smp_text_poke_batch_add(sim_text + 69, &ret, 1, NULL),
			  TEXT_POKE_RULE_OVERLAP);
	sim_put(70, &ret, 1);
	assert_int_equal(smp_text_poke_batch_add(sim_text + 70, &ret, 1, NULL), 0);
}

static void a_full_queue_refuses_an_overlap_before_it_flushes(void **state)
{
	(void)state;
	for (u32 i = 0; i < 256; i++) {
		sim_put(i * STRIDE, nop5, 5);
		assert_int_equal(smp_text_poke_batch_add(sim_text + i * STRIDE, jmp32, 5, NULL), 0);
	}
	expect_refused_as("first", smp_text_poke_batch_add(sim_text, jmp32, 5, NULL),
			  TEXT_POKE_RULE_OVERLAP);
	expect_refused_as("last", smp_text_poke_batch_add(sim_text + 255 * STRIDE, jmp32, 5, NULL),
			  TEXT_POKE_RULE_OVERLAP);
	assert_string_equal(sim_order(), "");
	assert_int_equal(text_poke_array.nr_entries, 256);
}

/* ---- Rules about the caller ---- */

static void without_the_lock_nothing_is_done(void **state)
{
	(void)state;
	sim_put(0, nop5, 5);
	assert_int_equal(smp_text_poke_batch_add(sim_text, jmp32, 5, NULL), 0);
	text_mutex_unlock();
	expect_refused_as("add", smp_text_poke_batch_add(sim_text, jmp32, 5, NULL),
			  TEXT_POKE_RULE_LOCK);
	expect_refused_as("process", smp_text_poke_batch_process(), TEXT_POKE_RULE_LOCK);
	expect_refused_as("single", smp_text_poke_single(sim_text, jmp32, 5, NULL),
			  TEXT_POKE_RULE_LOCK);
	assert_memory_equal(sim_text, nop5, 5);

	/* Held by another CPU is not held by this one. */
	sim_this_cpu = 1;
	text_mutex_lock();
	sim_this_cpu = 0;
	expect_refused_as("another's", smp_text_poke_batch_process(), TEXT_POKE_RULE_LOCK);
	text_mutex_unlock();

	text_mutex_lock();
	assert_int_equal(smp_text_poke_batch_process(), 0);
	assert_memory_equal(sim_text, jmp32, 5);
}

static void with_interrupts_off_nothing_is_done(void **state)
{
	(void)state;
	sim_put(0, nop5, 5);
	assert_int_equal(smp_text_poke_batch_add(sim_text, jmp32, 5, NULL), 0);
	sim.irqs_off = true;
	expect_refused_as("add", smp_text_poke_batch_add(sim_text + STRIDE, jmp32, 5, NULL),
			  TEXT_POKE_RULE_CONTEXT);
	expect_refused_as("process", smp_text_poke_batch_process(), TEXT_POKE_RULE_CONTEXT);
	assert_memory_equal(sim_text, nop5, 5);
	sim.irqs_off = false;
	assert_int_equal(smp_text_poke_batch_process(), 0);
}

static int err_in_trap;
static enum text_poke_rule rule_in_trap;

static void patch_in_trap(void)
{
	err_in_trap = smp_text_poke_batch_add(sim_text + STRIDE, jmp32, 5, NULL);
	rule_in_trap = smp_text_poke_refusal()->rule;
}

/* The patching CPU itself meets a CALL site and asks for another patch from inside the handler. */
static void trap_at_second_sync(enum sim_event_kind kind, u32 nr_of_kind)
{
	struct trap_regs regs = { 0 };

	if (kind != SIM_SYNC || nr_of_kind != 2)
		return;
	regs.sp = sim_gate(patch_in_trap);
	assert_true(sim_trap(0, sim_text, &regs));
}

static void from_a_trap_nothing_is_done(void **state)
{
	static const u8 call[] = { 0xE8, 0, 0, 0, 0 };

	(void)state;
	sim_put(0, nop5, 5);
	sim_put(STRIDE, nop5, 5);
	assert_int_equal(smp_text_poke_batch_add(sim_text, call, 5, NULL), 0);
	sim.at_event = trap_at_second_sync;
	assert_int_equal(smp_text_poke_batch_process(), 0);
	assert_int_equal(err_in_trap, -ERR_REFUSED);
	assert_int_equal(rule_in_trap, TEXT_POKE_RULE_CONTEXT);
	assert_memory_equal(sim_text + STRIDE, nop5, 5);

	/* The control: behind the trap the same request is taken. */
	assert_int_equal(smp_text_poke_single(sim_text + STRIDE, jmp32, 5, NULL), 0);
}

#define QUEUE_TEST(name) cmocka_unit_test_setup(name, reset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		QUEUE_TEST(ascending_addresses_fill_the_queue),
		QUEUE_TEST(descending_addresses_flush_every_time),
		QUEUE_TEST(random_addresses_flush_at_each_descent),
		QUEUE_TEST(a_single_flushes_what_was_pending),
		QUEUE_TEST(a_flush_that_fails_leaves_the_new_site_out),
		QUEUE_TEST(a_site_out_of_reach_is_refused),
		QUEUE_TEST(overlapping_sites_are_refused_from_both_sides),
		QUEUE_TEST(overlap_is_seen_through_the_longest_site),
		QUEUE_TEST(a_full_queue_refuses_an_overlap_before_it_flushes),
		QUEUE_TEST(without_the_lock_nothing_is_done),
		QUEUE_TEST(with_interrupts_off_nothing_is_done),
		QUEUE_TEST(from_a_trap_nothing_is_done),
	};

	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
