/* SPDX-License-Identifier: MIT */
/*
 * Guarantee: the boot driver takes its steps in order, NMIs come back whatever fails, and what
 * failed is named; alternatives count as patched once, and then for good.
 *
 * Each case runs in a process of its own, because of the last.
 */
#include "alternative_fixture.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "boot_alternatives.h"

/* What a case did: shared with the process that it runs in. */
static struct outcome {
	char order[16]; /* N stop, T self-test, A applied, U decide, R restart, L relocation */
	bool patched_at[NR_ALT_BOOT_STEPS]; /* what alternatives_patched() said in each step */
	int err, again;
	enum alt_boot_step step;
	bool patched;
	u8 site;
	struct alt_result result;
} * outcome;

static int fail_at; /* enum alt_boot_step; -1 = none */

static int step(enum alt_boot_step step, char letter)
{
	/* Applying is core's own step, seen by its effect. */
	if (sim_text[100] == 0xC3 && !strchr(outcome->order, 'A'))
		strcat(outcome->order, "A");
	strncat(outcome->order, &letter, 1);
	outcome->patched_at[step] = alternatives_patched();
	return fail_at == (int)step ? -ERR_IO : 0;
}

static int stop_nmi(void)
{
	return step(ALT_BOOT_STOP_NMI, 'N');
}

static int self_test(void)
{
	assert_false(text_mutex_held());
	return step(ALT_BOOT_INT3_SELFTEST, 'T');
}

/* Takes the lock itself in earnest. */
static int decide_smp(void)
{
	assert_false(text_mutex_held());
	return step(ALT_BOOT_DECIDE_SMP, 'U');
}

static int restart_nmi(void)
{
	return step(ALT_BOOT_RESTART_NMI, 'R');
}

static int reloc_self_test(void)
{
	return step(ALT_BOOT_RELOC_SELFTEST, 'L');
}

static int boot_once(struct alt_result *ret, enum alt_boot_step *ret_step)
{
	const struct alt_boot boot = {
		.table = the_table(),
		.stop_nmi = stop_nmi,
		.int3_selftest = self_test,
		.decide_smp = decide_smp,
		.restart_nmi = restart_nmi,
		.reloc_selftest = reloc_self_test,
	};

	return alternative_instructions(&boot, ret, ret_step);
}

static void boot(void)
{
	struct alt_result result_again;
	enum alt_boot_step step_again;
	size_t steps;

	outcome->err = boot_once(&outcome->result, &outcome->step);
	outcome->patched = alternatives_patched();
	outcome->site = sim_text[100];
	steps = strlen(outcome->order);
	if (outcome->patched)
		outcome->again = boot_once(&result_again, &step_again);
	if (outcome->patched && strlen(outcome->order) != steps)
		strcat(outcome->order, "!");
}

/* One site that becomes RET, and a driver of which step @fail fails. */
static void boot_in_child(int fail)
{
	int status;
	pid_t child;

	memset(outcome, 0, sizeof(*outcome));
	fail_at = fail;
	child = fork();
	if (!child) {
		text_mutex_unlock();
		boot();
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static int boot_setup(void **state)
{
	reset(state);
	sim.nr_cpus = 1;
	add_entry(sim_put(100, B(0x50)), 1, B(0xC3), HAS);
	outcome = mmap(NULL, sizeof(*outcome), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	return outcome == MAP_FAILED ? -1 : 0;
}

static void the_steps_come_in_their_order(void **state)
{
	(void)state;
	boot_in_child(-1);
	assert_int_equal(outcome->err, 0);
	assert_string_equal(outcome->order, "NTAURL");
	assert_int_equal(outcome->result.nr_replaced, 1);
	assert_true(outcome->patched);
	assert_int_equal(outcome->again, -ERR_EXIST);
	for (u32 i = 0; i < NR_ALT_BOOT_STEPS; i++)
		assert_int_equal(outcome->patched_at[i], i == ALT_BOOT_RELOC_SELFTEST);
}

static void expect_failure(enum alt_boot_step step, const char *order, bool patched)
{
	print_message("# %s\n", alt_boot_step_name(step));
	assert_int_equal(outcome->step, step);
	assert_string_equal(outcome->order, order);
	assert_int_equal(outcome->patched, patched);
	assert_int_equal(outcome->site, strchr(order, 'A') ? 0xC3 : 0x50);
}

static void a_step_that_fails_is_the_last_but_nmis_come_back(void **state)
{
	static const struct {
		enum alt_boot_step step;
		const char *order;
		bool patched;
	} failures[] = {
		{ ALT_BOOT_STOP_NMI, "N", false },
		{ ALT_BOOT_INT3_SELFTEST, "NTR", false },
		{ ALT_BOOT_DECIDE_SMP, "NTAUR", false },
		{ ALT_BOOT_RESTART_NMI, "NTAUR", false },
		{ ALT_BOOT_RELOC_SELFTEST, "NTAURL", true },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(failures); i++) {
		boot_in_child((int)failures[i].step);
		assert_int_equal(outcome->err, -ERR_IO);
		expect_failure(failures[i].step, failures[i].order, failures[i].patched);
	}
}

static void a_refused_table_ends_the_boot(void **state)
{
	(void)state;
	entries[0].cpuid = NR_CPU_FEATURES;
	boot_in_child(-1);
	assert_int_equal(outcome->err, -ERR_REFUSED);
	assert_int_equal(outcome->result.refusal.rule, ALT_RULE_FEATURE);
	expect_failure(ALT_BOOT_APPLY, "NTR", false);
}

static void other_cpus_must_not_run_yet(void **state)
{
	(void)state;
	sim.nr_cpus = 2;
	boot_in_child(-1);
	assert_int_equal(outcome->err, -ERR_PERM);
	assert_string_equal(outcome->order, "");
	assert_int_equal(outcome->site, 0x50);
}

#define BOOT_TEST(name) cmocka_unit_test_setup(name, boot_setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOOT_TEST(the_steps_come_in_their_order),
		BOOT_TEST(a_step_that_fails_is_the_last_but_nmis_come_back),
		BOOT_TEST(a_refused_table_ends_the_boot),
		BOOT_TEST(other_cpus_must_not_run_yet),
	};

	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests_name("alternative_boot", tests, NULL, NULL);
}
