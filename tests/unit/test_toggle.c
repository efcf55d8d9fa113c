/* SPDX-License-Identifier: MIT */
/*
 * Guarantees: what goes wrong in the middle of a toggle or at the start of the victims fails that
 * bench and leaves nothing behind for the next one: no queued site whose text is freed next, and
 * counts that can still be read.
 */
#include "unit.h"

#include <string.h>

#include "answers.h"
#include "bench.h"
#include "host.h"
#include "stop_machine.h"
#include "text_patching.h"
#include "toggle.h"
#include "x86.h"

#define NR_SITES 4

static void build(struct toggler *t)
{
	memset(t, 0, sizeof(*t));
	assert_int_equal(
		region_build_sites(&t->sites, SITE_NOP5_JMP32, NR_SITES, SITE_STRIDE_BYTES, 0), 0);
}

static void a_refused_toggle_leaves_no_site_queued(void **state)
{
	static const u8 mov[] = { 0xB8, 1, 0, 0, 0 }; /* nobody can emulate it */
	struct bench_run run = { .sites = NR_SITES };
	static struct toggler t; /* aligned, where an old compiler's stack is not */
	u64 begin;

	(void)state;
	build(&t);
	assert_int_equal(toggle(&run, &t, &begin), 0);
	assert_true(text_poke_refs_idle());
	memcpy(t.sites.sites[NR_SITES - 1].old, mov, sizeof(mov));
	assert_int_equal(toggle(&run, &t, &begin), -ERR_REFUSED);
	assert_non_null(strstr(run.reason, "cannot be emulated"));
	assert_true(text_poke_refs_idle());
	toggle_end(&run, &t);
	assert_int_equal(run.violations, 0);
}

static void victims_that_die_at_once_are_counted(void **state)
{
	static const u8 int3 = INT3_INSN_OPCODE;
	struct bench_run run = { .sites = NR_SITES };
	static struct toggler t; /* aligned, where an old compiler's stack is not */

	(void)state;
	if (machine_nr_cpus() < 2)
		skip();
	build(&t);
	assert_int_equal(text_poke_copy(t.sites.region.text, &int3, 1), 0);
	assert_int_equal(victims_start(&t.victims, &t.sites), -ERR_FAULT);
	toggle_end(&run, &t);
	assert_int_equal(run.violations, 1);
	assert_non_null(strstr(run.reason, "vector 3 (#BP)"));
}

/* ---- The oracles of a batch ---- */

static void toggle_and_judge(struct bench_run *run, struct toggler *t)
{
	u64 begin;

	assert_int_equal(toggle(run, t, &begin), 0);
	toggle_judge(run, t);
}

static void a_byte_changed_around_the_sites_is_reported(void **state)
{
	static const u8 nop = 0x90;
	struct bench_run run = { .sites = NR_SITES };
	static struct toggler t; /* aligned, where an old compiler's stack is not */
	u8 *last;

	(void)state;
	build(&t);
	assert_int_equal(toggle_check(&run, &t), 0);
	toggle_and_judge(&run, &t);
	assert_int_equal(run.violations, 0);
	last = t.sites.region.pages + t.sites.region.text_bytes - 1;
	assert_true(last >= t.sites.region.text_end);
	assert_int_equal(text_poke_copy(last, &nop, 1), 0);
	toggle_and_judge(&run, &t);
	assert_int_equal(run.violations, 1);
	assert_non_null(strstr(run.reason, "text around the sites was changed"));
	toggle_end(&run, &t);
}

static void a_wrong_byte_of_a_site_is_reported(void **state)
{
	static const u8 nop = 0x90;
	struct bench_run run = { .sites = NR_SITES };
	static struct toggler t; /* aligned, where an old compiler's stack is not */

	(void)state;
	build(&t);
	assert_int_equal(toggle_check(&run, &t), 0);
	toggle_and_judge(&run, &t);
	assert_int_equal(text_poke_copy(t.sites.sites[1].addr + 4, &nop, 1), 0);
	toggle_judge(&run, &t);
	assert_int_equal(run.violations, 1);
	assert_non_null(strstr(run.reason, "bytes of a site are wrong"));
	toggle_end(&run, &t);
}

static void one_sync_more_or_less_is_reported_for_each_cpu(void **state)
{
	struct bench_run run = { .sites = NR_SITES };
	struct answers answers;
	static struct toggler t; /* aligned, where an old compiler's stack is not */
	u64 begin;

	(void)state;
	if (machine_nr_cpus() < 2)
		skip();
	build(&t);
	assert_int_equal(answers_alloc(&run, &answers), 0);
	answers_note(&answers);
	assert_int_equal(toggle(&run, &t, &begin), 0);
	answers_check(&run, &answers);
	assert_int_equal(run.violations, 0);
	assert_int_equal(smp_text_poke_sync_each_cpu(), 0);
	answers_check(&run, &answers);
	assert_int_equal(run.violations, machine_nr_cpus() - 1);
	assert_non_null(strstr(run.reason, "cpu 1 answered 4 syncs of 3"));
	answers_note(&answers);
	answers_check(&run, &answers);
	assert_int_equal(run.violations, 2 * (machine_nr_cpus() - 1));
	answers_free(&answers);
	toggle_end(&run, &t);
}

static int setup(void **state)
{
	const char *reason;

	(void)state;
	if (host_setup(&reason) || text_poke_init() || stop_machine_init())
		return -1;
	return machine_start_cpus(machine_nr_cpus_present() > 1 ? 2 : 1, &reason) ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	return machine_stop_cpus();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_refused_toggle_leaves_no_site_queued),
		cmocka_unit_test(victims_that_die_at_once_are_counted),
		cmocka_unit_test(a_byte_changed_around_the_sites_is_reported),
		cmocka_unit_test(a_wrong_byte_of_a_site_is_reported),
		cmocka_unit_test(one_sync_more_or_less_is_reported_for_each_cpu),
	};

	return cmocka_run_group_tests_name("toggle", tests, setup, teardown);
}
