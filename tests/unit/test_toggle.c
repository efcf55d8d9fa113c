/* SPDX-License-Identifier: MIT */
/*
 * Guarantees: what goes wrong in the middle of a toggle or at the start of the victims fails that
 * bench and leaves nothing behind for the next one: no queued site whose text is freed next, and
 * counts that can still be read.
 */
#include "unit.h"

#include <string.h>

#include "bench.h"
#include "host.h"
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
	struct toggler t;
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
	struct toggler t;

	(void)state;
	if (machine_nr_cpus() < 2)
		skip();
	build(&t);
	assert_int_equal(text_poke_copy(t.sites.region.text, &int3, 1), 0);
	assert_int_equal(victims_start(&t.victims, &t.sites), -ERR_FAULT);
	toggle_end(&run, &t);
	assert_int_equal(run.violations, 1);
	assert_non_null(strstr(run.reason, "took vector 3"));
}

static int setup(void **state)
{
	const char *reason;

	(void)state;
	if (host_setup(&reason) || text_poke_init())
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
	};

	return cmocka_run_group_tests_name("toggle", tests, setup, teardown);
}
