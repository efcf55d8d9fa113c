/* SPDX-License-Identifier: MIT */
/*
 * Guarantees: a look-up finds LIVE modules and nothing else, at every moment of a module's life;
 * what it finds is complete; a module that was taken out has no look-up standing on it; what is
 * refused leaves the list as it was.
 *
 * Each oracle here has been seen to report its planted fault: tests/fault/faults.t.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "module.h"
#include "sim_cpus.h"
#include "step.h"
#include "text_patching.h"

#define SLOT_BYTES 256
#define SLOT(i) (sim_text + (i)*SLOT_BYTES)
#define INFO(title, i)                                                                             \
	{                                                                                          \
		.name = (title), .text = SLOT(i), .text_end = SLOT((i) + 1)                        \
	}

static struct module mods[8];
static const struct module_info a = INFO("a", 0), b = INFO("b", 1), c = INFO("c", 2);

static int reset(void **state)
{
	(void)state;
	sim_cpus_reset();
	assert_int_equal(stop_machine_init(), 0);
	module_mutex_lock();
	return 0;
}

static void drop(struct module *mod)
{
	struct module_name name = mod->name;

	/* What a test that failed left behind is taken out, too. */
	if (module_find(name.text) != mod)
		return;
	module_set_going(mod);
	assert_int_equal(module_unlink(mod, NULL), 0);
}

static int drop_all(void **state)
{
	(void)state;
	/* Alone, so that nobody has to be waited for. */
	sim.nr_cpus = sim.ticks_divisor = 1;
	sim_this_cpu = 0;
	text_mutex_unlock();
	module_mutex_unlock();
	module_mutex_lock();
	for (u32 i = 0; i < ARRAY_SIZE(mods); i++)
		drop(&mods[i]);
	assert_int_equal(module_nr(), 0);
	module_mutex_unlock();
	memset(mods, 0, sizeof(mods));
	return 0;
}

static void load(struct module *mod, const struct module_info *info)
{
	assert_int_equal(module_link(mod, info, MODULE_INSERT_RCU, NULL), 0);
	assert_int_equal(module_set_live(mod), 0);
}

/* ---- What a look-up says, without assertions: it also runs between two instructions ---- */

static bool is_named(const u8 *addr, const char *name, u64 offset)
{
	struct module_name got;
	u64 got_offset;

	return module_name_at(addr, &got, &got_offset) && !strcmp(got.text, name) &&
	       got_offset == offset;
}

static bool is_unknown(const u8 *addr)
{
	struct module_name got;
	u64 got_offset;

	return !module_name_at(addr, &got, &got_offset);
}

/* ---- States ---- */

static void look_ups_find_a_module_only_while_it_is_live(void **state)
{
	struct module *mod = &mods[0];

	(void)state;
	assert_true(is_unknown(a.text));
	assert_int_equal(module_link(mod, &a, MODULE_INSERT_RCU, NULL), 0);
	assert_int_equal(mod->state, MODULE_COMING);
	assert_true(is_unknown(a.text));
	assert_ptr_equal(module_find("a"), mod);
	assert_int_equal(module_set_live(mod), 0);
	assert_true(is_named(a.text, "a", 0));
	assert_int_equal(module_set_going(mod), 0);
	assert_true(is_unknown(a.text));
	assert_ptr_equal(module_find("a"), mod);
	assert_int_equal(module_unlink(mod, NULL), 0);
	assert_true(is_unknown(a.text));
	assert_null(module_find("a"));
}

static void each_state_follows_from_its_own_only(void **state)
{
	struct module *mod = &mods[0];

	(void)state;
	assert_int_equal(module_set_live(mod), -ERR_INVAL);
	assert_int_equal(module_set_going(mod), -ERR_INVAL);
	assert_int_equal(module_unlink(mod, NULL), -ERR_INVAL);
	load(mod, &a);
	assert_int_equal(module_set_live(mod), -ERR_INVAL);
	assert_int_equal(module_unlink(mod, NULL), -ERR_INVAL);
	assert_int_equal(module_set_going(mod), 0);
	assert_int_equal(module_set_live(mod), -ERR_INVAL);
	assert_int_equal(module_set_going(mod), -ERR_INVAL);
	assert_int_equal(module_unlink(mod, NULL), 0);
	assert_int_equal(module_unlink(mod, NULL), -ERR_INVAL);
	/* A load that fails goes without ever having been live. */
	assert_int_equal(module_link(mod, &a, MODULE_INSERT_RCU, NULL), 0);
	assert_int_equal(module_set_going(mod), 0);
	assert_int_equal(module_unlink(mod, NULL), 0);
}

static void an_address_belongs_to_the_module_whose_text_holds_it(void **state)
{
	(void)state;
	load(&mods[0], &b);
	load(&mods[1], &a);
	assert_true(is_named(a.text, "a", 0));
	assert_true(is_named(a.text_end - 1, "a", SLOT_BYTES - 1));
	assert_true(is_named(b.text, "b", 0));
	assert_true(is_named(b.text_end - 1, "b", SLOT_BYTES - 1));
	assert_true(is_unknown(b.text_end));
	assert_true(is_unknown(a.text - 1));
	stop_hold();
	assert_ptr_equal(module_lookup(a.text + 7), &mods[1]);
	assert_null(module_lookup(b.text_end));
	stop_release();
}

static void what_the_loader_said_is_kept(void **state)
{
	static const s32 locks[3], alternatives[2];
	struct module_info info = a;
	char name[] = "0123456789012345678901234567890"; /* 31: the longest */

	(void)state;
	info.name = name;
	info.locks = (struct module_table){ locks, locks + 3 };
	info.alternatives = (struct module_table){ alternatives, alternatives + 2 };
	load(&mods[0], &info);
	memset(name, 'x', 4);
	assert_true(is_named(a.text, "0123456789012345678901234567890", 0));
	assert_ptr_equal(mods[0].locks.start, locks);
	assert_ptr_equal(mods[0].locks.end, locks + 3);
	assert_ptr_equal(mods[0].alternatives.end, alternatives + 2);
}

/* ---- Refusals ---- */

static void expect_refused(const struct module_info *info, int err)
{
	assert_int_equal(module_link(&mods[7], info, MODULE_INSERT_RCU, NULL), err);
	assert_int_equal(module_link(&mods[7], info, MODULE_INSERT_STOP, NULL), err);
	assert_int_equal(module_nr(), 2);
	assert_true(is_named(a.text, "a", 0));
	assert_true(is_named(c.text, "c", 0));
}

static void damaged_information_is_refused(void **state)
{
	static const s32 table[2];
	struct module_info info;

	(void)state;
	load(&mods[0], &a);
	load(&mods[1], &c);
#define REFUSED(err, field, ...)                                                                   \
	do {                                                                                       \
		info = b;                                                                          \
		info.field = __VA_ARGS__;                                                          \
		expect_refused(&info, err);                                                        \
	} while (0)
	REFUSED(-ERR_INVAL, name, NULL);
	REFUSED(-ERR_INVAL, name, "");
	REFUSED(-ERR_INVAL, name, "01234567890123456789012345678901");
	REFUSED(-ERR_INVAL, text_end, b.text);
	REFUSED(-ERR_INVAL, text_end, b.text - 1);
	REFUSED(-ERR_INVAL, locks, (struct module_table){ table + 1, table });
	REFUSED(-ERR_INVAL, locks, (struct module_table){ NULL, table });
	REFUSED(-ERR_INVAL, alternatives, (struct module_table){ table, NULL });
	REFUSED(-ERR_RANGE, text_end, sim_text + SIM_TEXT_BYTES + 1);
	load(&mods[2], &b); /* the control */
}

static void expect_clash(const char *name, const u8 *text, const u8 *text_end,
			 const struct module *with)
{
	struct module_info info = { .name = name, .text = text, .text_end = text_end };
	const struct module *clash = NULL;

	assert_int_equal(module_link(&mods[7], &info, MODULE_INSERT_RCU, &clash), -ERR_EXIST);
	assert_ptr_equal(clash, with);
	expect_refused(&info, -ERR_EXIST);
}

static void names_and_text_of_another_are_refused_and_it_is_named(void **state)
{
	const struct module *clash = NULL;

	(void)state;
	load(&mods[0], &a);
	load(&mods[1], &c);
	expect_clash("a", b.text, b.text_end, &mods[0]);
	expect_clash("d", a.text_end - 1, b.text_end, &mods[0]);
	expect_clash("d", b.text, c.text + 1, &mods[1]);
	expect_clash("d", c.text + 5, c.text + 6, &mods[1]);
	expect_clash("d", c.text - 1, c.text_end + 1, &mods[1]);
	/* Whatever its state. */
	assert_int_equal(module_set_going(&mods[1]), 0);
	assert_int_equal(module_link(&mods[7], &c, MODULE_INSERT_RCU, NULL), -ERR_EXIST);
	assert_int_equal(module_link(&mods[0], &b, MODULE_INSERT_RCU, &clash), -ERR_EXIST);
	assert_ptr_equal(clash, &mods[0]);
	load(&mods[2], &b); /* the control: between the two, touching both */
}

static void nothing_goes_without_module_mutex(void **state)
{
	(void)state;
	load(&mods[0], &a);
	assert_int_equal(module_link(&mods[1], &b, MODULE_INSERT_RCU, NULL), 0);
	for (u32 cpu = 0; cpu < 2; cpu++) {
		/* First held by CPU 1, then by nobody. */
		module_mutex_unlock();
		if (!cpu)
			sim_cpu_is(1, module_mutex_lock);
		assert_false(module_mutex_held());
		assert_int_equal(module_link(&mods[2], &c, MODULE_INSERT_RCU, NULL), -ERR_PERM);
		assert_int_equal(module_set_live(&mods[1]), -ERR_PERM);
		assert_int_equal(module_set_going(&mods[0]), -ERR_PERM);
		assert_int_equal(module_unlink(&mods[0], NULL), -ERR_PERM);
		assert_null(module_find("a"));
	}
	module_mutex_lock();
	assert_int_equal(module_nr(), 2);
	assert_int_equal(mods[0].state, MODULE_LIVE);
	assert_int_equal(mods[1].state, MODULE_COMING);
}

static void who_holds_text_mutex_cannot_stop_for_a_module(void **state)
{
	(void)state;
	load(&mods[0], &a);
	assert_int_equal(module_set_going(&mods[0]), 0);
	text_mutex_lock();
	assert_int_equal(module_unlink(&mods[0], NULL), -ERR_PERM);
	assert_int_equal(module_link(&mods[1], &b, MODULE_INSERT_STOP, NULL), -ERR_PERM);
	text_mutex_unlock();
	assert_int_equal(module_nr(), 1);
	assert_int_equal(module_unlink(&mods[0], NULL), 0);
}

/* ---- By stop_machine ---- */

static void insert_by_stop_machine_is_the_same_to_a_look_up(void **state)
{
	(void)state;
	load(&mods[0], &a);
	assert_int_equal(module_link(&mods[1], &b, MODULE_INSERT_STOP, NULL), 0);
	for (u32 cpu = 1; cpu < SIM_NR_CPUS; cpu++)
		assert_int_equal(sim_cpus[cpu].nr_taken, 1);
	assert_false(text_mutex_held());
	assert_true(is_unknown(b.text));
	assert_int_equal(module_set_live(&mods[1]), 0);
	assert_true(is_named(b.text, "b", 0));
	assert_true(is_named(a.text, "a", 0));
}

static void a_cpu_that_does_not_come_leaves_the_list_as_it_was(void **state)
{
	struct stop_report report;

	(void)state;
	load(&mods[0], &a);
	load(&mods[1], &b);
	assert_int_equal(module_set_going(&mods[0]), 0);
	sim_cpus[2].deaf = true;
	sim.ticks_divisor = 50;
	assert_int_equal(module_unlink(&mods[0], &report), -ERR_TIMEOUT);
	assert_int_equal(report.cpu, 2);
	assert_int_equal(module_link(&mods[2], &c, MODULE_INSERT_STOP, NULL), -ERR_TIMEOUT);
	assert_false(text_mutex_held());
	assert_int_equal(module_nr(), 2);
	assert_ptr_equal(module_find("a"), &mods[0]);
	assert_null(module_find("c"));
	assert_true(is_unknown(a.text));
	/* And may be tried again. */
	sim_cpus_take_late(2);
	sim.ticks_divisor = 1;
	assert_int_equal(module_unlink(&mods[0], &report), 0);
	assert_int_equal(module_link(&mods[2], &c, MODULE_INSERT_STOP, NULL), 0);
}

/* ---- A look-up at every moment ---- */

/* Memory of a module that is gone, as somebody else has filled it: it looks as good as any. */
static void fill_with_decoy(struct module *mod, struct module *next)
{
	memset(mod, 0, sizeof(*mod));
	mod->list.next = mod->list.prev = &next->list;
	mod->state = MODULE_LIVE;
	memcpy(mod->name.text, "decoy", 6);
	mod->text = SLOT(0);
	mod->text_end = SLOT(8);
}

static volatile bool saw_new, new_is_due;
static volatile u32 nr_wrong, first_wrong;

static void look_up_all(void)
{
	bool good = is_named(a.text, "a", 0) && is_named(b.text + 9, "b", 9) && is_unknown(SLOT(5));

	if (!is_unknown(c.text)) {
		saw_new = true;
		good = good && new_is_due && is_named(c.text + 3, "c", 3);
	} else if (saw_new) {
		good = false;
	}
	if (!good && !nr_wrong++)
		first_wrong = step_nr;
}

static bool look_up_between(u32 nr_steps)
{
	(void)nr_steps;
	sim_cpu_is(1, look_up_all);
	return true;
}

static void link_new(void)
{
	module_link(&mods[2], &c, MODULE_INSERT_RCU, NULL);
}

static void make_new_live(void)
{
	module_set_live(&mods[2]);
}

/* G: complete when it is met, and met only when it is live, whatever stood in its memory before. */
static void look_ups_at_every_instruction_of_an_insertion_see_all_or_nothing(void **state)
{
	u32 nr;

	(void)state;
	load(&mods[0], &a);
	load(&mods[1], &b);
	fill_with_decoy(&mods[2], &mods[1]);
	saw_new = new_is_due = false;
	nr_wrong = 0;
	nr = step_through(link_new, look_up_between);
	print_message("# %u instructions, wrong after %u of them\n", nr, nr_wrong);
	if (nr_wrong)
		fail_msg("a look-up is wrong after instruction %u of the insertion", first_wrong);
	assert_true(nr > 100);
	assert_int_equal(mods[2].state, MODULE_COMING);
	assert_false(saw_new);
	new_is_due = true;
	assert_true(step_through(make_new_live, look_up_between) > 10);
	assert_int_equal(nr_wrong, 0);
	assert_true(saw_new);
}

static u32 remove_at; /* the instruction of the look-up that the removal comes after */
static bool was_held, tried;
static int removal; /* what it returned */
static struct stop_report removal_report;
static const u8 *wanted;
static bool found;
static struct module_name found_name;
static u64 found_offset;

static void look_up_wanted(void)
{
	found = module_name_at(wanted, &found_name, &found_offset);
}

/* Time is short where the look-up holds us back, and there is plenty of it where it does not. */
static void try_to_remove(void)
{
	sim.ticks_divisor = was_held ? 50000 : 1;
	module_set_going(&mods[1]);
	removal = module_unlink(&mods[1], &removal_report);
	if (!removal)
		fill_with_decoy(&mods[1], &mods[0]);
}

static bool remove_between(u32 nr_steps)
{
	if (nr_steps != remove_at)
		return true;
	tried = true;
	was_held = stop_held();
	sim_cpu_is(0, try_to_remove);
	return false;
}

/* Behind mods[1], the one that goes, stands mods[0]. */
static void removal_after(u32 nr_steps, const u8 *addr, const char *name)
{
	load(&mods[0], &a);
	load(&mods[1], &b);
	load(&mods[2], &c);
	remove_at = nr_steps;
	wanted = addr;
	tried = false;
	sim_this_cpu = 1;
	step_through(look_up_wanted, remove_between);
	sim_this_cpu = 0;
	/* Who looks for the module itself may be too late, or in time. */
	if (found ? strcmp(found_name.text, name) : addr != b.text)
		fail_msg("a removal after instruction %u: the look-up finds \"%s\"", nr_steps,
			 found ? found_name.text : "");
	if (tried &&
	    (removal != (was_held ? -ERR_TIMEOUT : 0) || (was_held && removal_report.cpu != 1)))
		nr_wrong++;
}

static void remove_at_every_instruction(const u8 *addr, const char *name)
{
	u32 nr_held = 0, nr = 0;

	nr_wrong = 0;
	do {
		sim.nr_cpus = 2;
		removal_after(++nr, addr, name);
		nr_held += tried && was_held;
		drop_all(NULL);
		module_mutex_lock();
	} while (tried);
	print_message("# %u instructions, held back at %u of them\n", nr - 1, nr_held);
	assert_int_equal(nr_wrong, 0);
	assert_true(nr_held > 20);
	assert_true(nr - 1 - nr_held > 10);
}

/* G: a look-up that passes over the module that goes is not led astray... */
static void a_removal_at_every_instruction_of_a_look_up_leaves_none_on_the_module(void **state)
{
	(void)state;
	remove_at_every_instruction(a.text, "a");
}

/* ... and one that finds it gets its whole name. */
static void a_removal_at_every_instruction_of_a_look_up_leaves_what_it_finds_whole(void **state)
{
	(void)state;
	remove_at_every_instruction(b.text, "b");
}

#define MODULE_TEST(name) cmocka_unit_test_setup_teardown(name, reset, drop_all)

int main(void)
{
	const struct CMUnitTest tests[] = {
		MODULE_TEST(look_ups_find_a_module_only_while_it_is_live),
		MODULE_TEST(each_state_follows_from_its_own_only),
		MODULE_TEST(an_address_belongs_to_the_module_whose_text_holds_it),
		MODULE_TEST(what_the_loader_said_is_kept),
		MODULE_TEST(damaged_information_is_refused),
		MODULE_TEST(names_and_text_of_another_are_refused_and_it_is_named),
		MODULE_TEST(nothing_goes_without_module_mutex),
		MODULE_TEST(who_holds_text_mutex_cannot_stop_for_a_module),
		MODULE_TEST(insert_by_stop_machine_is_the_same_to_a_look_up),
		MODULE_TEST(a_cpu_that_does_not_come_leaves_the_list_as_it_was),
		MODULE_TEST(look_ups_at_every_instruction_of_an_insertion_see_all_or_nothing),
		MODULE_TEST(a_removal_at_every_instruction_of_a_look_up_leaves_none_on_the_module),
		MODULE_TEST(a_removal_at_every_instruction_of_a_look_up_leaves_what_it_finds_whole),
	};

	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests_name("module", tests, NULL, NULL);
}
