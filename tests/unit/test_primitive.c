/* SPDX-License-Identifier: MIT */
/*
 * Guarantees: every primitive has the LOCKs it should have, all of them in its table; in both forms
 * it takes what is free, waits for what is held, gives up at last, and goes on when it comes free.
 * That it excludes is shown by suite primitives, with CPUs that race.
 */
#include "unit.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "host.h"
#include "insn.h"
#include "primitive.h"
#include "smp_locks.h"
#include "text_patching.h"

/* Of one pair, with what stands behind the loop: counted by hand. */
static const u32 nr_locks[NR_PRIMITIVES] = {
	[PRIMITIVE_TAS] = 2,	   [PRIMITIVE_XCHG] = 0,  [PRIMITIVE_TICKET] = 1,
	[PRIMITIVE_QUEUED] = 4,	   [PRIMITIVE_READ] = 4,  [PRIMITIVE_WRITE] = 2,
	[PRIMITIVE_SEMAPHORE] = 4, [PRIMITIVE_MUTEX] = 3, [PRIMITIVE_REF] = 2,
	[PRIMITIVE_BIT] = 2,
};

static struct primitive_data data;
static struct primitive_node node;
static struct region region;

static void build(u32 primitive, u32 nr_objects, u32 nr_pairs)
{
	assert_int_equal(primitive_build(&region, primitive, nr_objects, nr_pairs,
					 primitive_kinds[primitive].excludes),
			 0);
}

static u64 run(u64 nr_passes)
{
	return ((primitive_fn)region.text)(&data, nr_passes, &node);
}

static void set_words(u64 word)
{
	memset(&data, 0, sizeof(data));
	memset(&node, 0, sizeof(node));
	for (u32 i = 0; i < PRIMITIVE_MAX_OBJECTS; i++)
		data.object[i].word = word;
	data.max_spins = 100;
	node.bit = 17;
}

static u32 count_locks(void)
{
	struct insn insn;
	u32 nr = 0;

	for (const u8 *p = region.text; p < region.text_end; p += insn.len) {
		assert_int_equal(insn_decode(&insn, p, region.text_end - p), 0);
		nr += insn.has_lock;
	}
	return nr;
}

static void switch_to(bool smp)
{
	struct smp_locks_result result;

	text_mutex_lock();
	assert_int_equal((smp ? alternatives_smp_lock : alternatives_smp_unlock)(
				 region.locks, region.locks_end, region.text, region.text_end,
				 SMP_UP_DS, &result),
			 0);
	text_mutex_unlock();
	assert_int_equal(result.nr_changed, region.locks_end - region.locks);
}

static u64 hash_text(void)
{
	return hash_bytes(HASH_START, region.text, region.text_end - region.text);
}

static void every_lock_is_in_the_table(void **state)
{
	(void)state;
	for (u32 primitive = 0; primitive < NR_PRIMITIVES; primitive++) {
		for (u32 nr_pairs = 0; nr_pairs <= PRIMITIVE_MAX_PAIRS; nr_pairs += 4) {
			u64 hash;

			build(primitive, 1, nr_pairs);
			hash = hash_text();
			assert_int_equal(count_locks(), nr_pairs * nr_locks[primitive]);
			assert_int_equal(region.locks_end - region.locks, count_locks());
			switch_to(false);
			assert_int_equal(count_locks(), 0);
			switch_to(true);
			assert_int_equal(hash_text(), hash);
			region_free(&region);
		}
	}
}

static void expect_takes_what_is_free(const struct primitive_kind *kind, u32 nr_objects)
{
	const u64 nr_passes = 3, each = nr_passes * PRIMITIVE_MAX_PAIRS / nr_objects;

	set_words(kind->free);
	assert_int_equal(run(nr_passes), 0);
	assert_int_equal(data.counter, kind->excludes ? nr_passes * PRIMITIVE_MAX_PAIRS : 0);
	assert_int_equal(node.nr_errors, 0);
	for (u32 i = 0; i < PRIMITIVE_MAX_OBJECTS; i++)
		assert_int_equal(data.object[i].word,
				 kind->free + (i < nr_objects ? each * kind->each : 0));
}

static void expect_waits_for_what_is_held(const struct primitive_kind *kind)
{
	set_words(kind->held);
	if (!kind->waits)
		return;
	assert_int_equal(run(3), 3);
	assert_int_equal(data.counter, 0);
}

static void free_is_taken_and_held_is_not(void **state)
{
	(void)state;
	for (u32 primitive = 0; primitive < NR_PRIMITIVES; primitive++) {
		for (u32 nr_objects = 1; nr_objects <= 8; nr_objects += 7) {
			build(primitive, nr_objects, PRIMITIVE_MAX_PAIRS);
			for (u32 form = 0; form < 2; form++) {
				expect_takes_what_is_free(&primitive_kinds[primitive], nr_objects);
				expect_waits_for_what_is_held(&primitive_kinds[primitive]);
				switch_to(form);
			}
			region_free(&region);
		}
	}
}

/* What the holder does when it lets go. */
static void let_go(u32 primitive)
{
	u8 *low = (u8 *)&data.object[0].word;

	if (primitive == PRIMITIVE_TICKET)
		__atomic_store_n((u32 *)low + 1, 1, __ATOMIC_RELEASE);
	else if (primitive == PRIMITIVE_SEMAPHORE)
		__atomic_fetch_add((u32 *)low, 1, __ATOMIC_SEQ_CST);
	else
		__atomic_store_n(low, 0, __ATOMIC_RELEASE);
}

static void *run_one_pass(void *left)
{
	*(u64 *)left = run(1);
	return NULL;
}

static void who_waits_goes_on_when_it_comes_free(void **state)
{
	(void)state;
	for (u32 primitive = 0; primitive < NR_PRIMITIVES; primitive++) {
		u64 before, left = 1;
		pthread_t thread;

		if (!primitive_kinds[primitive].waits)
			continue;
		build(primitive, 1, 1);
		set_words(primitive_kinds[primitive].held);
		data.max_spins = ~0ull;
		before = data.object[0].word;
		assert_int_equal(pthread_create(&thread, NULL, run_one_pass, &left), 0);
		/* Who queues leaves a trace, and is in the queue then; the others may wait already.
		 */
		while (primitive == PRIMITIVE_QUEUED &&
		       __atomic_load_n(&data.object[0].word, __ATOMIC_ACQUIRE) == before)
			sched_yield();
		assert_int_equal(data.counter, 0);
		let_go(primitive);
		assert_int_equal(pthread_join(thread, NULL), 0);
		assert_int_equal(left, 0);
		assert_int_equal(data.counter, primitive_kinds[primitive].excludes);
		region_free(&region);
	}
}

/* A bit that is set already; a count at zero. */
static void what_cannot_be_is_counted(void **state)
{
	(void)state;
	build(PRIMITIVE_BIT, 1, 1);
	set_words(1ull << 17);
	assert_int_equal(run(1), 0);
	assert_int_equal(node.nr_errors, 1);
	region_free(&region);
	build(PRIMITIVE_REF, 1, 1);
	set_words(0);
	assert_int_equal(run(1), 0);
	assert_int_equal(node.nr_errors, 1);
	region_free(&region);
}

static void a_reader_sees_a_writer_in_the_middle(void **state)
{
	(void)state;
	assert_int_equal(primitive_build(&region, PRIMITIVE_READ, 1, 1, true), 0);
	for (u32 written = 0; written < 2; written++) {
		set_words(0);
		data.counter = 1;
		data.mirror = written;
		assert_int_equal(run(3), 0);
		assert_int_equal(node.nr_errors, written ? 0 : 3);
		assert_int_equal(data.object[0].word, 0);
	}
	region_free(&region);
	build(PRIMITIVE_WRITE, 1, 1);
	set_words(0);
	assert_int_equal(run(3), 0);
	assert_int_equal(data.mirror, 3);
	region_free(&region);
}

#define NR_THREADS 4
#define NR_THREAD_PASSES 50

static struct primitive_node nodes[NR_THREADS];

static void *run_passes(void *mine)
{
	assert_int_equal(((primitive_fn)region.text)(&data, NR_THREAD_PASSES, mine), 0);
	return NULL;
}

/* More than one waits behind another, which two CPUs never show. */
static void four_that_want_it_at_once_all_get_it(void **state)
{
	(void)state;
	for (u32 primitive = 0; primitive < NR_PRIMITIVES; primitive++) {
		const struct primitive_kind *kind = &primitive_kinds[primitive];
		const u64 nr = NR_THREADS * NR_THREAD_PASSES;
		pthread_t threads[NR_THREADS];

		build(primitive, 1, 1);
		set_words(kind->free);
		data.max_spins = ~0ull;
		memset(nodes, 0, sizeof(nodes));
		for (u32 i = 0; i < NR_THREADS; i++) {
			nodes[i].bit = i;
			assert_int_equal(pthread_create(&threads[i], NULL, run_passes, &nodes[i]),
					 0);
		}
		for (u32 i = 0; i < NR_THREADS; i++)
			assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(data.counter, kind->excludes ? nr : 0);
		assert_int_equal(data.object[0].word, kind->free + nr * kind->each);
		region_free(&region);
	}
}

static void too_many_pairs_are_refused(void **state)
{
	(void)state;
	assert_int_equal(primitive_build(&region, PRIMITIVE_TAS, 1, PRIMITIVE_MAX_PAIRS + 1, false),
			 -ERR_RANGE);
	assert_null(region.text);
}

static int setup(void **state)
{
	const char *reason;

	(void)state;
	return host_setup(&reason) || text_poke_init() ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_lock_is_in_the_table),
		cmocka_unit_test(free_is_taken_and_held_is_not),
		cmocka_unit_test(who_waits_goes_on_when_it_comes_free),
		cmocka_unit_test(what_cannot_be_is_counted),
		cmocka_unit_test(a_reader_sees_a_writer_in_the_middle),
		cmocka_unit_test(four_that_want_it_at_once_all_get_it),
		cmocka_unit_test(too_many_pairs_are_refused),
	};

	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests_name("primitive", tests, setup, NULL);
}
