/* SPDX-License-Identifier: MIT */
/*
 * The menu: what each key does, and that a run begins by itself where nobody presses any.
 */
#include "unit.h"

#include <string.h>

#include "bench.h"
#include "fake_machine.h"
#include "menu.h"

/* What the archive of bench/ wants of a program. */
const struct suite *const suites[] = { NULL };

static struct options options;

static enum menu_answer ask(const char *keys)
{
	fake_reset();
	fake.somebody = true;
	for (const char *k = keys; *k; k++)
		fake.keys[fake.nr_keys++] = (u8)*k;
	options = (struct options){ .plan = PLAN_DEFAULT, .menu_s = 3 };
	return menu_ask(&options);
}

static u32 times_on_screen(const char *text)
{
	u32 nr = 0;

	for (const char *at = fake.console; (at = strstr(at, text)); at++)
		nr++;
	return nr;
}

static void without_a_key_the_run_begins_after_the_time_asked_for(void **state)
{
	(void)state;
	assert_int_equal(ask(""), MENU_RUN);
	assert_string_equal(fake.console, "a key within 3 s opens the menu\n");
	assert_int_equal(fake.key_ns, 3 * NSEC_PER_SEC);
	assert_int_equal(options.plan, PLAN_DEFAULT);
	assert_false(options.no_store);
}

static void where_nobody_can_type_nothing_is_said_and_nothing_waits(void **state)
{
	(void)state;
	fake_reset();
	options = (struct options){ .plan = PLAN_DEFAULT, .menu_s = 3 };
	assert_int_equal(menu_ask(&options), MENU_RUN);
	assert_int_equal(fake.console_len, 0);
	assert_int_equal(fake.key_ns, 0);
}

static void no_menu_means_that_no_key_is_looked_at(void **state)
{
	(void)state;
	fake_reset();
	fake.somebody = true;
	fake.keys[fake.nr_keys++] = 's';
	options = (struct options){ .menu_s = 0 };
	assert_int_equal(menu_ask(&options), MENU_RUN);
	assert_int_equal(fake.nr_keys_asked, 0);
	assert_int_equal(fake.console_len, 0);
}

static void each_key_does_what_its_line_says(void **state)
{
	(void)state;
	assert_int_equal(ask(" q"), MENU_RUN);
	assert_int_equal(options.plan, PLAN_QUICK);
	assert_int_equal(ask(" F"), MENU_RUN);
	assert_int_equal(options.plan, PLAN_FULL);
	assert_int_equal(ask(" \r"), MENU_RUN);
	assert_int_equal(options.plan, PLAN_DEFAULT);
	assert_int_equal(ask(" s"), MENU_LEAVE);
	assert_int_equal(ask(" nq"), MENU_RUN);
	assert_true(options.no_store);
	assert_int_equal(options.plan, PLAN_QUICK);
	assert_int_equal(ask(" nn\r"), MENU_RUN);
	assert_false(options.no_store);
}

/* The first key opens the menu, whichever it is: nobody knows yet what it would mean. */
static void the_key_that_opens_the_menu_is_no_choice(void **state)
{
	(void)state;
	assert_int_equal(ask("sq"), MENU_RUN);
	assert_int_equal(options.plan, PLAN_QUICK);
	assert_int_equal(times_on_screen("\n  q "), 1);
}

static void keys_without_a_meaning_show_the_menu_again(void **state)
{
	(void)state;
	assert_int_equal(ask(" xz\x1bq"), MENU_RUN);
	assert_int_equal(times_on_screen("\n  q "), 4);
}

static void a_menu_that_nobody_answers_ends_in_a_run(void **state)
{
	(void)state;
	assert_int_equal(ask(" "), MENU_RUN);
	assert_int_equal(times_on_screen("no key came: the run begins\n"), 1);
	assert_int_equal(options.plan, PLAN_DEFAULT);
	assert_int_equal(fake.key_ns, (3 + 60) * NSEC_PER_SEC);
}

static void info_shows_the_facts_and_comes_back(void **state)
{
	(void)state;
	assert_int_equal(ask(" is"), MENU_LEAVE);
	assert_int_equal(times_on_screen("\ncpu_brand                  "), 1);
	assert_int_equal(times_on_screen("\n  q "), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_key_the_run_begins_after_the_time_asked_for),
		cmocka_unit_test(where_nobody_can_type_nothing_is_said_and_nothing_waits),
		cmocka_unit_test(no_menu_means_that_no_key_is_looked_at),
		cmocka_unit_test(each_key_does_what_its_line_says),
		cmocka_unit_test(the_key_that_opens_the_menu_is_no_choice),
		cmocka_unit_test(keys_without_a_meaning_show_the_menu_again),
		cmocka_unit_test(a_menu_that_nobody_answers_ends_in_a_run),
		cmocka_unit_test(info_shows_the_facts_and_comes_back),
	};

	return cmocka_run_group_tests_name("menu", tests, NULL, NULL);
}
