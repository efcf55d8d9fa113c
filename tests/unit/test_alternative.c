/* SPDX-License-Identifier: MIT */
/*
 * Guarantee: each site of a table holds, after one write, what its last eligible entry says, as it
 * would run there; no other byte has changed.
 */
#include "alternative_fixture.h"

#include <stdio.h>

/* Told apart by their immediate: mov $N, %eax */
#define MOV(n) 0xB8, n, 0, 0, 0
#define NOP8 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90

/* ---- Who wins ---- */

struct choice {
	const char *what;
	u32 features[3]; /* in the order of the table; 0 = no further entry */
	u8 winner; /* 1 .. 3; 0 = the site keeps its code */
};

static const struct choice choices[] = {
	{ "the feature is there", { HAS }, 1 },
	{ "the feature is not there", { LACKS }, 0 },
	{ "always", { X86_FEATURE_ALWAYS }, 1 },
	{ "never", { ALT_NOT(X86_FEATURE_ALWAYS) }, 0 },
	{ "not, and it is not there", { ALT_NOT(LACKS) }, 1 },
	{ "not, and it is there", { ALT_NOT(HAS) }, 0 },
	{ "both: the last", { HAS, X86_FEATURE_ALWAYS }, 2 },
	{ "the first only", { HAS, LACKS }, 1 },
	{ "the last only", { LACKS, HAS }, 2 },
	{ "neither", { LACKS, ALT_NOT(HAS) }, 0 },
	{ "ternary: yes", { X86_FEATURE_ALWAYS, HAS }, 2 },
	{ "ternary: no", { X86_FEATURE_ALWAYS, LACKS }, 1 },
	{ "three: the last", { HAS, ALT_NOT(LACKS), X86_FEATURE_ALWAYS }, 3 },
	{ "three: the middle one", { HAS, ALT_NOT(LACKS), LACKS }, 2 },
	{ "three: the first", { HAS, ALT_NOT(HAS), LACKS }, 1 },
	{ "three: none", { LACKS, ALT_NOT(HAS), LACKS }, 0 },
};

static void the_last_eligible_entry_of_a_site_wins(void **state)
{
	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(choices); i++) {
		const struct choice *c = &choices[i];
		u8 *site;

		restart();
		site = sim_put(100, B(MOV(0), 0x90, 0x90, 0x90));
		for (u8 n = 0; n < 3 && c->features[n]; n++)
			add_entry(site, 8, B(MOV(n + 1)), c->features[n]);
		print_message("# %s\n", c->what);
		assert_int_equal(apply(), 0);
		expect_code(site, 8, B(MOV(c->winner)));
		assert_int_equal(result.nr_replaced, c->winner != 0);
		assert_int_equal(result.nr_kept, c->winner == 0);
	}
}

static void the_effective_length_is_the_longest_of_the_group(void **state)
{
	u8 *site = sim_put(100, B(0x50, NOP8, 0x58));

	(void)state;
	add_entry(site, 1, B(0x53), X86_FEATURE_ALWAYS);
	add_entry(site, 9, B(0x53, MOV(7)), LACKS);
	assert_int_equal(apply(), 0);
	expect_code(site, 9, B(0x53));
	assert_int_equal(site[9], 0x58);
}

static void a_feature_that_was_cleared_is_not_there(void **state)
{
	u8 *site = sim_put(100, B(MOV(0)));

	(void)state;
	cpu_feature_clear(HAS);
	cpu_feature_set(LACKS);
	add_entry(site, 5, B(MOV(1)), LACKS);
	add_entry(site, 5, B(MOV(2)), HAS);
	assert_int_equal(apply(), 0);
	assert_int_equal(site[1], 1);
	cpu_feature_clear(LACKS);
	cpu_feature_set(HAS);
	assert_int_equal(apply(), 0);
	assert_int_equal(site[1], 2);
}

/* ---- Writes ---- */

static void check_event(u32 nth, u32 first_site, const u8 *before)
{
	const u8 *now = sim_text_at(SIM_CLOSE, nth);

	for (size_t i = 0; i < SIM_TEXT_BYTES; i++)
		if (now[i] != before[i])
			assert_in_range(i, first_site, first_site + 7);
}

/* 0: replaced, all three eligible. 1: kept. 2: replaced, the first eligible. 3: kept, no NOPs. */
static void each_site_is_written_once_in_the_order_of_the_table(void **state)
{
	static const u32 offsets[] = { 300, 100, 200, 400 };
	const u8 *before;

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(offsets); i++) {
		u8 *site = sim_put(offsets[i], B(MOV(0), 0x90, 0x90, 0x90));

		if (i == 3)
			sim_put(offsets[i], B(MOV(0), 0x50, 0x58, 0xC3));
		add_entry(site, 8, B(MOV(1)), i % 2 ? LACKS : HAS);
		add_entry(site, 8, B(MOV(2)), i ? LACKS : HAS);
		add_entry(site, 8, B(MOV(3), 0x90), i ? LACKS : HAS);
	}
	assert_int_equal(apply(), 0);
	assert_string_equal(sim_order(), "OCOCOCOC");
	before = sim_text_at(SIM_OPEN, 0);
	for (u32 i = 0; i < ARRAY_SIZE(offsets); i++) {
		check_event(i, offsets[i], before);
		before = sim_text_at(SIM_CLOSE, i);
	}
	assert_int_equal(result.nr_sites, 4);
	assert_int_equal(result.nr_entries, 12);
	assert_int_equal(result.nr_replaced, 2);
	assert_int_equal(result.nr_kept, 2);
	assert_int_equal(result.nr_bytes, 32);
	expect_code(sim_text + 300, 8, B(MOV(3)));
	expect_code(sim_text + 100, 8, B(MOV(0)));
	expect_code(sim_text + 200, 8, B(MOV(1)));
}

static void an_empty_table_writes_nothing(void **state)
{
	(void)state;
	assert_int_equal(apply(), 0);
	assert_string_equal(sim_order(), "");
	assert_int_equal(result.nr_sites, 0);
}

static void only_the_owner_of_the_lock_applies(void **state)
{
	(void)state;
	add_entry(sim_put(100, B(MOV(0))), 5, B(MOV(1)), HAS);
	text_mutex_unlock();
	assert_int_equal(apply(), -ERR_PERM);
	assert_string_equal(sim_order(), "");
	text_mutex_lock();
	assert_int_equal(apply(), 0);
}

/* The machine refuses the second opening: one site is written, and the result says one. */
static void fail_second_open(enum sim_event_kind kind, u32 nr_of_kind)
{
	sim.fail_open = kind == SIM_CLOSE && nr_of_kind == 1;
}

static void a_write_that_fails_ends_it_and_is_not_counted(void **state)
{
	(void)state;
	add_entry(sim_put(100, B(MOV(0))), 5, B(MOV(1)), HAS);
	add_entry(sim_put(200, B(MOV(0))), 5, B(MOV(1)), HAS);
	sim.at_event = fail_second_open;
	assert_int_equal(apply(), -ERR_FAULT);
	assert_int_equal(result.nr_sites, 1);
	assert_int_equal(result.refusal.rule, ALT_RULE_NONE);
	assert_int_equal(sim_text[101], 1);
	assert_int_equal(sim_text[201], 0);
}

/* What log.txt is going to say, even when a feature has gone in the meantime. */
static void what_was_decided_can_be_told_afterwards(void **state)
{
	u8 *first = sim_put(100, B(MOV(0))), *second = sim_put(50, B(MOV(0)));
	struct alt_table table;
	struct alt_site site = { 0 };

	(void)state;
	add_entry(first, 5, B(MOV(1)), HAS);
	add_entry(first, 5, B(MOV(2)), LACKS);
	add_entry(second, 5, B(MOV(3)), LACKS);
	assert_int_equal(apply(), 0);
	cpu_feature_clear(HAS);
	table = the_table();
	assert_true(alt_next_site(&table, &result.features, &site));
	assert_ptr_equal(site.addr, first);
	assert_int_equal(site.len, 5);
	assert_int_equal(site.end - site.first, 2);
	assert_ptr_equal(site.winner, &entries[0]);
	assert_true(alt_next_site(&table, &result.features, &site));
	assert_ptr_equal(site.addr, second);
	assert_null(site.winner);
	assert_false(alt_next_site(&table, &result.features, &site));
}

/* ---- NOPs ---- */

static void padding_becomes_one_filling_at_every_length(void **state)
{
	(void)state;
	for (u8 len = 5; len <= ALT_MAX_PATCH_LEN; len++) {
		u8 code[ALT_MAX_PATCH_LEN + 1] = { MOV(0) };
		u8 *site;

		restart();
		memset(code + 5, 0x90, len - 5);
		code[len] = 0xC3;
		site = sim_put(1000, code, len + 1);
		add_entry(site, len, B(MOV(1)), len % 2 ? HAS : LACKS);
		assert_int_equal(apply(), 0);
		expect_code(site, len, B(MOV(len % 2)));
		assert_int_equal(site[len], 0xC3);
	}
}

static void an_empty_replacement_leaves_one_filling(void **state)
{
	u8 *site = sim_put(100, B(0x0F, 0xAE, 0xF0, 0x0F, 0xAE, 0xE8));

	(void)state;
	add_entry(site, 6, NULL, 0, HAS);
	assert_int_equal(apply(), 0);
	expect_code(site, 6, NULL, 0);
}

/* Linux has merged each of these away once: PAUSE, XCHG R8,RAX; MOV EAX,EAX clears 32 bits. */
static void look_alikes_among_nops_survive(void **state)
{
	static const u8 code[] = { 0x90, 0x90, 0xF3, 0x90, 0x90, 0x90,
				   0x90, 0x41, 0x90, 0x89, 0xC0, 0x90 };
	static const u8 merged[] = { 0x66, 0x90, 0xF3, 0x90, 0x0F, 0x1F,
				     0x00, 0x41, 0x90, 0x89, 0xC0, 0x90 };
	u8 *kept = sim_put(100, code, sizeof(code));
	u8 *replaced = sim_put(200, B(NOP8, 0x90, 0x90, 0x90, 0x90));

	(void)state;
	add_entry(kept, sizeof(code), B(0xC3), LACKS);
	add_entry(replaced, sizeof(code), code, sizeof(code), HAS);
	assert_int_equal(apply(), 0);
	assert_memory_equal(kept, merged, sizeof(merged));
	assert_memory_equal(replaced, merged, sizeof(merged));
}

/* ---- Calls through a pointer ---- */

static u64 pointer;

/* FF 15 with the pointer as its operand, padded to @len. */
static u8 *put_call(size_t offset, u8 len)
{
	u8 code[32] = { 0xFF, 0x15 };
	s32 disp = (s32)((u8 *)&pointer - (sim_text + offset + 6));

	memcpy(code + 2, &disp, sizeof(disp));
	memset(code + 6, 0x90, len - 6);
	return sim_put(offset, code, len);
}

#define CALL_SELF 0xE8, 0xFB, 0xFF, 0xFF, 0xFF
#define DIRECT ALT_DIRECT_CALL(X86_FEATURE_ALWAYS)

static void expect_call_of(const u8 *target, const u8 *site, size_t len)
{
	u8 call[5] = { 0xE8 };
	s32 rel = (s32)(target - (site + 5));

	memcpy(call + 1, &rel, sizeof(rel));
	expect_code(site, len, call, sizeof(call));
}

static void a_call_through_a_pointer_becomes_a_direct_one(void **state)
{
	u8 *site = put_call(100, 6), *behind = put_call(5000, 9);

	(void)state;
	pointer = (u64)(sim_text + 3000);
	add_entry(site, 6, B(CALL_SELF), DIRECT);
	add_entry(behind, 9, B(CALL_SELF), DIRECT);
	assert_int_equal(apply(), 0);
	expect_call_of(sim_text + 3000, site, 6);
	expect_call_of(sim_text + 3000, behind, 9);
}

/*
 * Linux a4233c21e773: an entry before it had overwritten the indirect call, and the direct one was
 * made of what stood there then.
 */
static void a_direct_call_wins_over_an_entry_before_it(void **state)
{
	u8 *site = put_call(100, 8);

	(void)state;
	pointer = (u64)(sim_text + 2000);
	add_entry(site, 8, B(MOV(1)), HAS);
	add_entry(site, 8, B(CALL_SELF), ALT_DIRECT_CALL(HAS));
	add_entry(site, 8, B(MOV(2)), LACKS);
	assert_int_equal(apply(), 0);
	assert_string_equal(sim_order(), "OC");
	expect_call_of(sim_text + 2000, site, 8);
}

static void a_call_of_the_empty_function_is_left_out(void **state)
{
	u8 *site = put_call(100, 6);

	(void)state;
	pointer = (u64)nop_func;
	add_entry(site, 6, B(CALL_SELF), DIRECT);
	assert_int_equal(apply(), 0);
	expect_code(site, 6, NULL, 0);
}

static void a_direct_call_that_loses_may_have_no_function(void **state)
{
	u8 *site = put_call(100, 6);

	(void)state;
	pointer = 0;
	add_entry(site, 6, B(CALL_SELF), ALT_DIRECT_CALL(LACKS));
	assert_int_equal(apply(), 0);
	assert_int_equal(site[0], 0xFF);
}

#define ALT_TEST(name) cmocka_unit_test_setup(name, reset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ALT_TEST(the_last_eligible_entry_of_a_site_wins),
		ALT_TEST(the_effective_length_is_the_longest_of_the_group),
		ALT_TEST(a_feature_that_was_cleared_is_not_there),
		ALT_TEST(each_site_is_written_once_in_the_order_of_the_table),
		ALT_TEST(an_empty_table_writes_nothing),
		ALT_TEST(only_the_owner_of_the_lock_applies),
		ALT_TEST(a_write_that_fails_ends_it_and_is_not_counted),
		ALT_TEST(what_was_decided_can_be_told_afterwards),
		ALT_TEST(padding_becomes_one_filling_at_every_length),
		ALT_TEST(an_empty_replacement_leaves_one_filling),
		ALT_TEST(look_alikes_among_nops_survive),
		ALT_TEST(a_call_through_a_pointer_becomes_a_direct_one),
		ALT_TEST(a_direct_call_wins_over_an_entry_before_it),
		ALT_TEST(a_call_of_the_empty_function_is_left_out),
		ALT_TEST(a_direct_call_that_loses_may_have_no_function),
	};

	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests_name("alternative", tests, NULL, NULL);
}
