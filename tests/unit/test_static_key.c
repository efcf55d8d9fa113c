/* SPDX-License-Identifier: MIT */
/*
 * Guarantees: a static key says "on" only while every site is on, at every step of every change;
 * its sites go out in one batch, in order; a change that failed half-way can be completed; and
 * patchers on different CPUs come one after the other. What is refused: test_static_key_rules.c.
 */
#include "key_fixture.h"

/* Every second one short, every third one the other way round. */
static void make_mixed_key(u32 nr)
{
	make_key(nr);
	for (u32 i = 0; i < nr; i++)
		make_entry(i, i % 2 ? 2 : 5, i % 3 == 0);
}

/* ---- Value and code ---- */

static u32 nr_events_on; /* at which the key said that it is on */

/* Every event lies between the first check and the last sync of a change. */
static void note_value(enum sim_event_kind kind, u32 nr_of_kind)
{
	(void)kind;
	(void)nr_of_kind;
	nr_events_on += static_key_enabled(&key);
}

static void expect_state(bool on, u32 nr_batches)
{
	assert_int_equal(static_key_count(&key), on);
	assert_true(all_are(on));
	assert_int_equal(nr_events_on, 0);
	expect_cost(nr_batches);
}

static void expect_round_trip(u32 nr)
{
	u64 before = sim_hash();

	nr_events_on = 0;
	sim.at_event = note_value;
	assert_int_equal(static_key_enable(&key), 0);
	expect_state(true, batches_of(nr));
	assert_int_equal(static_key_enable(&key), 0);
	expect_state(true, 0);
	assert_int_equal(static_key_disable(&key), 0);
	expect_state(false, batches_of(nr));
	assert_int_equal(static_key_disable(&key), 0);
	expect_state(false, 0);
	assert_int_equal(sim_hash(), before);
}

static void a_key_is_on_when_all_its_sites_are_and_costs_three_syncs(void **state)
{
	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(sizes); i++) {
		make_registered_key(sizes[i]);
		expect_round_trip(sizes[i]);
	}
}

static void sites_of_both_lengths_and_both_defaults_change_together(void **state)
{
	(void)state;
	make_mixed_key(100);
	assert_int_equal(static_key_register(&key), 0);
	assert_true(all_are(false));
	expect_round_trip(100);
}

static void a_key_may_start_on(void **state)
{
	(void)state;
	memset(&key, 0, sizeof(key));
	key = (struct static_key){ .enabled = 1, .entries = entries, .nr_entries = 8 };
	for (u32 i = 0; i < 8; i++)
		make_entry(i, 5, i % 2);
	assert_int_equal(static_key_register(&key), 0);
	assert_true(all_are(true));
	assert_int_equal(static_key_slow_dec(&key), 0);
	expect_state(false, 1);
}

static void a_key_without_sites_is_a_counter(void **state)
{
	(void)state;
	make_registered_key(0);
	expect_round_trip(0);
}

/* What traps in the middle of enabling is emulated as on, whatever the key says. */
static void trap_at_second_sync(enum sim_event_kind kind, u32 nr_of_kind)
{
	struct trap_regs regs = { 0 };

	if (kind != SIM_SYNC || nr_of_kind != 2)
		return;
	assert_true(sim_trap(1, site_addr(3), &regs));
	assert_ptr_equal((u8 *)regs.ip, target());
}

static void a_site_met_in_between_jumps_already(void **state)
{
	(void)state;
	make_registered_key(56);
	sim.at_event = trap_at_second_sync;
	assert_int_equal(static_key_enable(&key), 0);
	expect_cost(1);
}

/* ---- Counts ---- */

static void only_the_first_and_the_last_patch(void **state)
{
	(void)state;
	make_registered_key(56);
	for (u32 i = 1; i <= 3; i++) {
		assert_int_equal(static_key_slow_inc(&key), 0);
		assert_int_equal(static_key_count(&key), i);
		assert_true(all_are(true));
		expect_cost(i == 1);
	}
	assert_int_equal(static_key_enable(&key), 0);
	assert_int_equal(static_key_count(&key), 3);
	assert_int_equal(static_key_disable(&key), -ERR_BUSY);
	assert_int_equal(static_key_count(&key), 3);
	expect_cost(0);
	for (u32 i = 3; i-- > 0;) {
		assert_int_equal(static_key_slow_dec(&key), 0);
		assert_int_equal(static_key_count(&key), i);
		assert_true(all_are(i > 0));
		expect_cost(i == 0);
	}
}

static void counts_neither_under_nor_overflow(void **state)
{
	(void)state;
	make_registered_key(4);
	assert_int_equal(static_key_slow_dec(&key), -ERR_RANGE);
	assert_int_equal(static_key_count(&key), 0);
	assert_int_equal(static_key_slow_inc(&key), 0);
	expect_cost(1);
	key.enabled = STATIC_KEY_COUNT_MAX - 1;
	assert_int_equal(static_key_slow_inc(&key), 0);
	assert_int_equal(static_key_slow_inc(&key), -ERR_RANGE);
	assert_int_equal(static_key_count(&key), STATIC_KEY_COUNT_MAX);
	assert_true(all_are(true));
	expect_cost(0);
}

/* ---- A change that fails half-way ---- */

/* The first 256 are on, the others off, and the key says off. */
static void fail_half_way(int (*change)(struct static_key *key))
{
	sim.at_event = fail_second_batch;
	assert_int_equal(change(&key), -ERR_FAULT);
	sim.at_event = NULL;
	sim.fail_open = false;
	assert_int_equal(static_key_count(&key), 0);
	assert_false(all_are(true));
	assert_false(all_are(false));
	assert_false(text_mutex_held());
	sim_forget();
}

static void a_failed_change_is_completed_by_the_next_either_way(void **state)
{
	(void)state;
	make_registered_key(MAX_SITES);
	fail_half_way(static_key_slow_inc);
	assert_int_equal(static_key_enable(&key), 0);
	expect_state(true, 1);
	fail_half_way(static_key_slow_dec);
	assert_int_equal(static_key_disable(&key), 0);
	expect_state(false, 1);
	fail_half_way(static_key_enable);
	assert_int_equal(static_key_disable(&key), 0);
	expect_state(false, 1);
}

/* What somebody left in the queue is his: it goes out first, even where ours is refused. */
static void what_was_queued_before_goes_out_first(void **state)
{
	static const u8 jmp8[] = { 0xEB, 0, 0xCC, 0xCC, 0xCC };

	(void)state;
	make_registered_key(4);
	text_mutex_lock();
	assert_int_equal(smp_text_poke_batch_add(site_addr(2), jmp8, 5, NULL), 0);
	text_mutex_unlock();
	expect_refused_as("enable", static_key_enable(&key), TEXT_POKE_RULE_UNEXPECTED);
	assert_memory_equal(site_addr(2), jmp8, 5);
	expect_cost(1);
}

/* ---- Two patchers ---- */

static pthread_t other;
static volatile int other_err;

static void *disable_on_cpu_1(void *arg)
{
	(void)arg;
	sim_this_cpu = 1;
	other_err = static_key_disable(&key);
	return NULL;
}

/* In the middle of enabling another CPU begins to disable; it must wait for all of it. */
static void start_other(enum sim_event_kind kind, u32 nr_of_kind)
{
	note_value(kind, nr_of_kind);
	if (kind == SIM_SYNC && nr_of_kind == 1)
		assert_int_equal(pthread_create(&other, NULL, disable_on_cpu_1, NULL), 0);
}

static void a_second_patcher_waits_for_the_first(void **state)
{
	(void)state;
	make_registered_key(256);
	nr_events_on = 0;
	sim.at_event = start_other;
	assert_int_equal(static_key_enable(&key), 0);
	assert_int_equal(pthread_join(other, NULL), 0);
	assert_int_equal(other_err, 0);
	expect_state(false, 2);
}

#define ROUNDS 200

struct patcher {
	u32 cpu;
	u32 nr_errors, nr_wrong; /* calls that failed; sites or value not on after one's own inc */
};

static pthread_barrier_t both_want_it_on;

/* Nobody can take it below 1 between our inc and our dec, so no site can be off. */
static void *inc_and_dec(void *arg)
{
	struct patcher *me = arg;

	sim_this_cpu = me->cpu;
	for (u32 i = 0; i < ROUNDS; i++) {
		me->nr_errors += static_key_slow_inc(&key) != 0;
		pthread_barrier_wait(&both_want_it_on);
		me->nr_wrong += !static_key_enabled(&key) || !all_are(true);
		me->nr_errors += static_key_slow_dec(&key) != 0;
	}
	return NULL;
}

/* Static keys of Linux, 2016: the second CPU to enable a key was told that it is on too early. */
static void two_patchers_at_once_never_see_the_key_on_before_the_code(void **state)
{
	struct patcher patchers[] = { { .cpu = 1 }, { .cpu = 2 } };
	pthread_t threads[2];

	(void)state;
	make_registered_key(56);
	nr_events_on = 0;
	sim.at_event = note_value;
	assert_int_equal(pthread_barrier_init(&both_want_it_on, NULL, 2), 0);
	for (u32 i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, inc_and_dec, &patchers[i]), 0);
	for (u32 i = 0; i < 2; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(patchers[i].nr_errors, 0);
		assert_int_equal(patchers[i].nr_wrong, 0);
	}
	pthread_barrier_destroy(&both_want_it_on);
	assert_int_equal(static_key_count(&key), 0);
	assert_true(all_are(false));
	assert_int_equal(nr_events_on, 0);
	assert_true(sim.nr_of_kind[SIM_SYNC] >= 6 && sim.nr_of_kind[SIM_SYNC] % 6 == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KEY_TEST(a_key_is_on_when_all_its_sites_are_and_costs_three_syncs),
		KEY_TEST(sites_of_both_lengths_and_both_defaults_change_together),
		KEY_TEST(a_key_may_start_on),
		KEY_TEST(a_key_without_sites_is_a_counter),
		KEY_TEST(a_site_met_in_between_jumps_already),
		KEY_TEST(only_the_first_and_the_last_patch),
		KEY_TEST(counts_neither_under_nor_overflow),
		KEY_TEST(a_failed_change_is_completed_by_the_next_either_way),
		KEY_TEST(what_was_queued_before_goes_out_first),
		KEY_TEST(a_second_patcher_waits_for_the_first),
		KEY_TEST(two_patchers_at_once_never_see_the_key_on_before_the_code),
	};

	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests_name("static_key", tests, NULL, NULL);
}
