/* SPDX-License-Identifier: MIT */
/*
 * Guarantees: the protocol of docs/protocol.md is kept step by step, whatever the batch. The sim
 * machine keeps the whole text at every open, sync and close, so "no tail before the INT3s are
 * synced" is a comparison of memory and not of the engine's word.
 *
 * Each oracle here has been seen to report its planted fault: tests/fault/faults.t.
 */
#include "engine_fixture.h"

#include "nops.h"

#include <pthread.h>
#include <stdlib.h>

/* ---- Sync rounds ---- */

static void expect_syncs(const struct change *changes, u32 nr, u32 nr_syncs, const char *order)
{
	sim_reset();
	text_mutex_lock();
	process(changes, nr);
	assert_string_equal(sim_order(), order);
	assert_int_equal(smp_text_poke_stats()->nr_syncs, nr_syncs);
	assert_int_equal(smp_text_poke_stats()->nr_sites, nr);
	assert_int_equal(smp_text_poke_stats()->nr_settle_syncs, 0);
}

/* G: at most three rounds whatever the number of sites, two without tails, one without heads. */
static void a_batch_syncs_once_for_each_phase_it_has(void **state)
{
	struct change many[256];
	const struct change mixed[] = { to_ret, to_jmp32, to_int3 };

	(void)state;
	expect_syncs(&to_jmp32, 1, 3, "OSSSC");
	expect_syncs(&to_ret, 1, 2, "OSSC");
	expect_syncs(&from_int3, 1, 2, "OSSC");
	expect_syncs(&to_int3, 1, 1, "OSC");
	expect_syncs(mixed, ARRAY_SIZE(mixed), 3, "OSSSC");
	for (u32 i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = to_jmp32;
	expect_syncs(many, ARRAY_SIZE(many), 3, "OSSSC");
}

static void nothing_queued_costs_nothing(void **state)
{
	(void)state;
	assert_int_equal(smp_text_poke_batch_process(), 0);
	assert_int_equal(smp_text_poke_batch_finish(), 0);
	assert_string_equal(sim_order(), "");
}

static void the_alias_is_opened_and_closed_once_for_a_batch(void **state)
{
	(void)state;
	process(one_of_each, ARRAY_SIZE(one_of_each));
	assert_int_equal(sim.nr_of_kind[SIM_OPEN], 1);
	assert_int_equal(sim.nr_of_kind[SIM_CLOSE], 1);
	assert_false(sim.alias_is_open);
}

/* ---- What stands in memory at each sync ---- */

/*
 * G: INT3 before any tail, first bytes last, each phase synced before the next; nothing else moves.
 */
static void each_phase_is_in_memory_before_its_sync_and_no_later_one_is(void **state)
{
	const struct change *c = one_of_each;
	u32 nr = ARRAY_SIZE(one_of_each);

	(void)state;
	process(c, nr);
	expect_text("open", sim_text_at(SIM_OPEN, 0), c, nr, PHASE_OLD);
	expect_text("first sync", sim_text_at(SIM_SYNC, 0), c, nr, PHASE_INT3);
	expect_text("second sync", sim_text_at(SIM_SYNC, 1), c, nr, PHASE_TAIL);
	expect_text("third sync", sim_text_at(SIM_SYNC, 2), c, nr, PHASE_NEW);
	expect_text("end", sim_text, c, nr, PHASE_NEW);
}

static void the_last_first_byte_is_synced(void **state)
{
	(void)state;
	process(&to_ret, 1);
	expect_text("first sync", sim_text_at(SIM_SYNC, 0), &to_ret, 1, PHASE_INT3);
	expect_text("second sync", sim_text_at(SIM_SYNC, 1), &to_ret, 1, PHASE_NEW);
}

/* A tail is written in aligned words, which hold more than the tail. */
static void a_site_at_any_place_leaves_its_neighbours_alone(void **state)
{
	static u8 want[SIM_TEXT_BYTES];

	for (u32 at = STRIDE; at < STRIDE + 16; at++) {
		for (u32 i = 0; i < ARRAY_SIZE(one_of_each); i++) {
			const struct change *c = &one_of_each[i];

			reset(state);
			sim_put(at, c->old, c->len);
			assert_int_equal(smp_text_poke_single(sim_text + at, c->new, c->len, NULL),
					 0);
			memset(want, INT3, sizeof(want));
			memcpy(want + at, c->new, c->len);
			assert_memory_equal(sim_text, want, sizeof(want));
		}
	}
}

/* ---- References ---- */

static u32 nr_asked, nr_emulated;

/* Every other CPU meets site 0 now. */
static void ask_for_site_0(enum sim_event_kind kind, u32 nr_of_kind)
{
	(void)kind;
	(void)nr_of_kind;
	for (u32 cpu = 1; cpu < SIM_NR_CPUS; cpu++) {
		struct trap_regs regs = { .ip = (u64)site_addr(0) + 1 };

		sim_this_cpu = cpu;
		nr_asked++;
		if (smp_text_poke_int3_handler(&regs)) {
			nr_emulated++;
			assert_ptr_equal((void *)regs.ip, site_addr(0) + 5 + 0x20);
		} else {
			assert_ptr_equal((void *)regs.ip, site_addr(0) + 1);
		}
		sim_this_cpu = 0;
	}
}

/* G (I7): every CPU can have its trap explained from before the first INT3 until after the last. */
static void references_are_held_from_step_1_to_step_8(void **state)
{
	(void)state;
	nr_asked = nr_emulated = 0;
	assert_int_equal(queue(&to_jmp32, 1), 0);
	ask_for_site_0(SIM_OPEN, 0);
	assert_int_equal(nr_emulated, 0);

	sim.at_event = ask_for_site_0;
	assert_int_equal(smp_text_poke_batch_process(), 0);
	assert_int_equal(nr_asked, 6 * (SIM_NR_CPUS - 1)); /* before, OPEN, three SYNC, CLOSE */
	assert_int_equal(nr_emulated, 5 * (SIM_NR_CPUS - 1));
	assert_true(text_poke_refs_idle());

	ask_for_site_0(SIM_CLOSE, 0);
	assert_int_equal(nr_emulated, 5 * (SIM_NR_CPUS - 1));
}

static volatile bool is_inside, process_returned, returned_while_inside;

/* In the middle of the handler: stay until the engine waits for us, and give it time not to. */
static void stay_inside(void)
{
	is_inside = true;
	while (!*(volatile u32 *)&smp_text_poke_stats()->nr_ref_waits)
		sleep_ms(1);
	for (int i = 0; i < 200 && !process_returned; i++)
		sleep_ms(1);
	returned_while_inside = process_returned;
	is_inside = false;
}

static void *trap_on_site_0(void *arg)
{
	struct trap_regs regs = { .sp = sim_gate(stay_inside) };

	(void)arg;
	assert_true(sim_trap(2, site_addr(0), &regs));
	return NULL;
}

static pthread_t trapper;

static void start_trapper(enum sim_event_kind kind, u32 nr_of_kind)
{
	if (kind != SIM_SYNC || nr_of_kind != 3)
		return;
	assert_int_equal(pthread_create(&trapper, NULL, trap_on_site_0, NULL), 0);
	while (!is_inside)
		sleep_ms(1);
}

/* G (I7, A-put and R-put): the queue is not given up while a CPU reads it. */
static void step_8_waits_for_a_cpu_in_the_handler(void **state)
{
	(void)state;
	process_returned = returned_while_inside = false;
	assert_int_equal(queue(&to_call, 1), 0);
	sim.at_event = start_trapper;
	assert_int_equal(smp_text_poke_batch_process(), 0);
	process_returned = true;
	pthread_join(trapper, NULL);
	assert_false(returned_while_inside);
	assert_int_equal(smp_text_poke_stats()->nr_ref_waits, 1);
	assert_true(text_poke_refs_idle());
}

/* As long as the test lasts: what the handler of a dead CPU does afterwards does not count. */
static void stay_dead(void)
{
	is_inside = true;
	sim.dead_cpus = 1u << 2;
	while (!process_returned)
		sleep_ms(1);
}

static void *die_on_site_0(void *arg)
{
	struct trap_regs regs = { .sp = sim_gate(stay_dead) };

	(void)arg;
	sim_trap(2, site_addr(0), &regs);
	return NULL;
}

static void start_dying(enum sim_event_kind kind, u32 nr_of_kind)
{
	if (kind != SIM_SYNC || nr_of_kind != 3)
		return;
	assert_int_equal(pthread_create(&trapper, NULL, die_on_site_0, NULL), 0);
	while (!is_inside)
		sleep_ms(1);
}

/* A machine check in the handler, say: its reference is nobody's, and the engine goes on. */
static void step_8_does_not_wait_for_a_cpu_that_died_in_the_handler(void **state)
{
	(void)state;
	process_returned = is_inside = false;
	assert_int_equal(queue(&to_call, 1), 0);
	sim.at_event = start_dying;
	assert_int_equal(smp_text_poke_batch_process(), 0);
	sim.at_event = NULL;
	assert_true(text_poke_refs_idle());
	assert_int_equal(queue(&to_jmp32, 1), 0);
	assert_int_equal(smp_text_poke_batch_process(), 0);
	process_returned = true;
	pthread_join(trapper, NULL);
}

/* ---- Traps no batch explains ---- */

static void trap_counts_belong_to_the_cpu_that_trapped(void **state)
{
	struct trap_regs regs = { 0 };

	(void)state;
	sim_put(0, to_jmp32.new, 5);
	assert_true(sim_trap(3, site_addr(0), &regs));
	assert_ptr_equal((void *)regs.ip, site_addr(0) + 5 + 0x20);
	assert_int_equal(text_poke_traps(3).nr_stale, 1);
	for (u32 cpu = 0; cpu < 3; cpu++)
		assert_int_equal(text_poke_traps(cpu).nr_stale, 0);
	assert_int_equal(text_poke_traps(3).nr_foreign + text_poke_traps(3).nr_handled, 0);
	assert_int_equal(text_poke_traps(SIM_NR_CPUS).nr_stale, 0);
}

static void a_foreign_int3_is_reported_and_left_alone(void **state)
{
	struct trap_regs regs = { .sp = 7, .flags = 2 }, before;

	(void)state;
	before = regs;
	before.ip = (u64)site_addr(1) + 1;
	assert_false(sim_trap(1, site_addr(1), &regs));
	assert_memory_equal(&regs, &before, sizeof(regs));
	assert_int_equal(text_poke_traps(1).nr_foreign, 1);
	assert_int_equal(text_poke_traps(1).nr_stale, 0);
}

static bool foreign_was_ours;

static void meet_foreign_int3(enum sim_event_kind kind, u32 nr_of_kind)
{
	struct trap_regs regs = { 0 };

	if (kind == SIM_SYNC && nr_of_kind == 2)
		foreign_was_ours = sim_trap(1, site_addr(9), &regs);
}

static void an_int3_beside_the_batch_is_foreign_while_it_runs(void **state)
{
	(void)state;
	foreign_was_ours = true;
	sim.at_event = meet_foreign_int3;
	process(one_of_each, 3);
	assert_false(foreign_was_ours);
	assert_int_equal(text_poke_traps(1).nr_foreign, 1);
}

/* What memory holds cannot be emulated: the CPU runs it again. */
static void a_stale_trap_on_another_instruction_is_run_again(void **state)
{
	static const u8 mov[] = { 0xB8, 1, 0, 0, 0 };
	struct trap_regs regs = { 0 };

	(void)state;
	sim_put(0, mov, sizeof(mov));
	assert_true(sim_trap(1, site_addr(0), &regs));
	assert_ptr_equal((void *)regs.ip, site_addr(0));
	assert_int_equal(text_poke_traps(1).nr_stale, 1);
}

/* Behind the last instruction of text there may be nothing that can be read.
 */
static void a_stale_trap_at_the_end_of_text_reads_nothing_behind_it(void **state)
{
	static const struct {
		u8 len;
		u8 bytes[JCC32_INSN_SIZE];
	} last[] = {
		{ 1, { 0xC3 } }, { 2, { 0xEB, 0 } },	      { 2, { 0x74, 0 } },
		{ 1, { 0x50 } }, { 5, { 0xE9, 0, 0, 0, 0 } }, { 6, { 0x0F, 0x84, 0, 0, 0, 0 } },
	};
	u64 stack = 0;

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(last); i++) {
		struct trap_regs regs = { .sp = (u64)&stack };

		assert_true(sim_trap(
			1, sim_put(SIM_TEXT_BYTES - last[i].len, last[i].bytes, last[i].len),
			&regs));
	}
	for (u8 len = 1; len <= NOP_MAX_BYTES; len++) {
		struct trap_regs regs = { 0 };

		assert_true(sim_trap(1, sim_put(SIM_TEXT_BYTES - len, nop_bytes(len), len), &regs));
		assert_ptr_equal((void *)regs.ip, sim_text + SIM_TEXT_BYTES);
	}
}

static void trap_on_every_cpu(enum sim_event_kind kind, u32 nr_of_kind)
{
	if (kind != SIM_SYNC || nr_of_kind != 2)
		return;
	for (u32 cpu = 1; cpu < SIM_NR_CPUS; cpu++) {
		struct trap_regs regs = { 0 };

		for (u32 i = 0; i < cpu; i++)
			assert_true(sim_trap(cpu, site_addr(0), &regs));
	}
}

static void handled_traps_are_counted_while_the_batch_runs(void **state)
{
	(void)state;
	assert_int_equal(queue(&to_jmp32, 1), 0);
	sim.at_event = trap_on_every_cpu;
	assert_int_equal(smp_text_poke_batch_process(), 0);
	for (u32 cpu = 0; cpu < SIM_NR_CPUS; cpu++) {
		assert_int_equal(text_poke_traps(cpu).nr_handled, cpu);
		assert_int_equal(text_poke_traps(cpu).nr_stale + text_poke_traps(cpu).nr_foreign,
				 0);
	}
}

/* ---- Settling, where the machine keeps stale INT3s ---- */

static void settling_is_one_write_and_one_sync_and_only_with_the_quirk(void **state)
{
	(void)state;
	sim.caps |= MACHINE_CAP_STALE_INT3;
	process(&to_jmp32, 1);
	assert_string_equal(sim_order(), "OSSSCOCS");
	assert_int_equal(smp_text_poke_stats()->nr_syncs, 3);
	assert_int_equal(smp_text_poke_stats()->nr_settle_syncs, 1);
	assert_true(text_poke_refs_idle());
	expect_text("end", sim_text, &to_jmp32, 1, PHASE_NEW);
}

static void stamps_follow_the_steps(void **state)
{
	const u64 *stamp = smp_text_poke_stats()->stamp;

	(void)state;
	process(&to_jmp32, 1);
	assert_true(stamp[0] != 0);
	for (u32 i = 1; i < NR_TEXT_POKE_STAMPS; i++)
		assert_true(stamp[i] >= stamp[i - 1]);
	assert_true(smp_text_poke_stats()->quiet_tick >= stamp[TEXT_POKE_STAMP_END]);
}

/* I3: by these two stamps a bench tells a trap that came too late. */
static void a_trap_in_the_batch_is_before_its_end_and_a_late_one_behind(void **state)
{
	struct trap_regs regs = { 0 };

	(void)state;
	assert_int_equal(queue(&to_jmp32, 1), 0);
	sim.at_event = trap_on_every_cpu;
	assert_int_equal(smp_text_poke_batch_process(), 0);
	assert_true(text_poke_traps(1).last_tick != 0);
	assert_true(text_poke_traps(1).last_tick < smp_text_poke_stats()->quiet_tick);
	assert_true(sim_trap(1, site_addr(0), &regs));
	assert_true(text_poke_traps(1).last_tick > smp_text_poke_stats()->quiet_tick);
}

#define ENGINE_TEST(name) cmocka_unit_test_setup(name, reset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ENGINE_TEST(each_phase_is_in_memory_before_its_sync_and_no_later_one_is),
		ENGINE_TEST(a_batch_syncs_once_for_each_phase_it_has),
		ENGINE_TEST(nothing_queued_costs_nothing),
		ENGINE_TEST(the_alias_is_opened_and_closed_once_for_a_batch),
		ENGINE_TEST(the_last_first_byte_is_synced),
		ENGINE_TEST(a_site_at_any_place_leaves_its_neighbours_alone),
		ENGINE_TEST(references_are_held_from_step_1_to_step_8),
		ENGINE_TEST(step_8_waits_for_a_cpu_in_the_handler),
		ENGINE_TEST(step_8_does_not_wait_for_a_cpu_that_died_in_the_handler),
		ENGINE_TEST(trap_counts_belong_to_the_cpu_that_trapped),
		ENGINE_TEST(a_foreign_int3_is_reported_and_left_alone),
		ENGINE_TEST(an_int3_beside_the_batch_is_foreign_while_it_runs),
		ENGINE_TEST(a_stale_trap_on_another_instruction_is_run_again),
		ENGINE_TEST(a_stale_trap_at_the_end_of_text_reads_nothing_behind_it),
		ENGINE_TEST(handled_traps_are_counted_while_the_batch_runs),
		ENGINE_TEST(settling_is_one_write_and_one_sync_and_only_with_the_quirk),
		ENGINE_TEST(stamps_follow_the_steps),
		ENGINE_TEST(a_trap_in_the_batch_is_before_its_end_and_a_late_one_behind),
	};

	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
