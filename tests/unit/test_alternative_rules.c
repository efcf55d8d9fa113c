/* SPDX-License-Identifier: MIT */
/*
 * Guarantees: a table that breaks a rule is refused by that rule, with the entry and its site, and
 * nothing is written, wherever in the table it stands.
 */
#include "alternative_fixture.h"

#include <stdio.h>

#define MOV(n) 0xB8, n, 0, 0, 0
#define CALL_SELF 0xE8, 0xFB, 0xFF, 0xFF, 0xFF
#define NR_GOOD 6 /* entries of the good table: sites 0, 1 (two entries), 2, 3, 4 */
#define SITE(i) (sim_text + 256 * (i + 1))

static u64 pointer;

/* Sites 0-2 plain, 3 a DIRECT_CALL, 4 kept; each of 8 bytes. */
static void make_good_table(void)
{
	static const u8 plain[] = { MOV(0), 0x90, 0x90, 0x90 };
	u8 call[] = { 0xFF, 0x15, 0, 0, 0, 0, 0x90, 0x90 };
	s32 disp = (s32)((u8 *)&pointer - (SITE(3) + 6));

	memcpy(call + 2, &disp, sizeof(disp));
	pointer = (u64)SITE(0);
	for (u32 i = 0; i < 5; i++)
		sim_put(SITE(i) - sim_text, i == 3 ? call : plain, 8);
	add_entry(SITE(0), 8, B(MOV(1)), HAS);
	add_entry(SITE(1), 8, B(MOV(2)), HAS);
	add_entry(SITE(1), 8, B(MOV(3)), LACKS);
	add_entry(SITE(2), 8, B(MOV(4)), HAS);
	add_entry(SITE(3), 8, B(CALL_SELF), ALT_DIRECT_CALL(HAS));
	add_entry(SITE(4), 8, B(MOV(5)), LACKS);
}

static void restart_good(void)
{
	restart();
	make_good_table();
}

static int reset_good(void **state)
{
	reset(state);
	make_good_table();
	return 0;
}

static void expect_refused(enum alt_rule rule, u32 entry)
{
	u64 before = sim_hash();
	int err = apply();

	if (err != -ERR_REFUSED || result.refusal.rule != rule)
		print_error("%d: %s\n", err, alt_rule_name(result.refusal.rule));
	assert_int_equal(err, -ERR_REFUSED);
	assert_int_equal(result.refusal.rule, rule);
	assert_int_equal(result.refusal.entry, entry);
	assert_ptr_equal(result.refusal.addr, alt_instr_site(&entries[entry]));
	assert_int_equal(sim_hash(), before);
	assert_string_equal(sim_order(), "");
	assert_int_equal(result.nr_sites, 0);
}

/* Move what an entry points to. */
static void set_site(u32 entry, const u8 *site)
{
	entries[entry].instr_offset = (s32)(site - (u8 *)&entries[entry].instr_offset);
}

static void set_replacement(u32 entry, const u8 *repl)
{
	entries[entry].repl_offset = (s32)(repl - (u8 *)&entries[entry].repl_offset);
}

/* The control of all that follows. */
static void the_good_table_is_applied(void **state)
{
	(void)state;
	assert_int_equal(apply(), 0);
	assert_int_equal(result.nr_entries, NR_GOOD);
	assert_int_equal(result.nr_sites, 5);
	assert_int_equal(result.nr_kept, 1);
}

/* Each in every entry, so that nothing depends on where it stands. */
static void in_every_entry(enum alt_rule rule, void (*spoil)(u32 entry))
{
	for (u32 i = 0; i < NR_GOOD; i++) {
		restart_good();
		spoil(i);
		expect_refused(rule, i);
	}
}

static void no_site(u32 i)
{
	entries[i].instrlen = 0;
}

static void huge_site(u32 i)
{
	entries[i].instrlen = 255;
}

static void sites_of_no_bytes_or_too_many_are_refused(void **state)
{
	(void)state;
	in_every_entry(ALT_RULE_LENGTH, no_site);
	in_every_entry(ALT_RULE_LENGTH, huge_site);
}

static void long_replacement(u32 i)
{
	entries[i].replacementlen = 9;
}

/* Linux copies as much of it as fits. */
static void a_replacement_longer_than_its_site_is_refused(void **state)
{
	(void)state;
	in_every_entry(ALT_RULE_REPLACEMENT_LENGTH, long_replacement);
}

/* The group's length would be enough, but the entry was not made by our macros. */
static void an_entry_vouches_for_its_own_length(void **state)
{
	(void)state;
	entries[2].instrlen = 5;
	entries[1].instrlen = 5;
	assert_int_equal(apply(), 0);
	restart_good();
	sim_put(SITE(1) - sim_text, B(0x66, 0x90, 0x66, 0x90, 0x66, 0x90, 0x66, 0x90));
	entries[1].instrlen = 4;
	expect_refused(ALT_RULE_REPLACEMENT_LENGTH, 1);
}

static void no_feature(u32 i)
{
	entries[i].cpuid = NR_CPU_FEATURES;
}

static void last_feature(u32 i)
{
	entries[i].cpuid = 0xFFFF;
}

static void no_flag(u32 i)
{
	entries[i].flags |= 4;
}

static void features_and_flags_must_exist(void **state)
{
	(void)state;
	in_every_entry(ALT_RULE_FEATURE, no_feature);
	in_every_entry(ALT_RULE_FEATURE, last_feature);
	in_every_entry(ALT_RULE_FLAGS, no_flag);
}

static void site_in_data(u32 i)
{
	set_site(i, replacements);
}

static void site_before_text(u32 i)
{
	set_site(i, sim_text - 1);
}

static void site_over_the_end(u32 i)
{
	set_site(i, sim_text + SIM_TEXT_BYTES - 7);
}

static void offset_far_away(u32 i)
{
	entries[i].instr_offset = INT32_MIN;
}

static void sites_must_be_text(void **state)
{
	(void)state;
	in_every_entry(ALT_RULE_TEXT, site_in_data);
	in_every_entry(ALT_RULE_TEXT, site_before_text);
	in_every_entry(ALT_RULE_TEXT, site_over_the_end);
	in_every_entry(ALT_RULE_TEXT, offset_far_away);
}

static void a_table_has_one_text(void **state)
{
	(void)state;
	text_mutex_unlock();
	text_unregister(sim_text);
	assert_int_equal(text_register(sim_text, 4096, NULL), 0);
	assert_int_equal(text_register(sim_text + 4096, 4096, NULL), 0);
	text_mutex_lock();
	set_site(3, sim_text + 4096);
	expect_refused(ALT_RULE_OTHER_TEXT, 3);
	set_site(3, sim_text + 4090);
	expect_refused(ALT_RULE_TEXT, 3);
	set_site(3, sim_text + 4088);
	assert_int_equal(apply(), 0);
	text_mutex_unlock();
	text_unregister(sim_text + 4096);
}

static void begins_within(u32 i)
{
	set_site(i, alt_instr_site(&entries[i]) + 1);
}

static void ends_within(u32 i)
{
	entries[i].instrlen = 3;
	entries[i].replacementlen = 0;
}

static void sites_are_whole_instructions(void **state)
{
	(void)state;
	in_every_entry(ALT_RULE_BOUNDARY, begins_within);
	in_every_entry(ALT_RULE_BOUNDARY, ends_within);
}

/* The third entry of site 1 stands behind those of site 2. */
static void entries_of_a_site_stand_together(void **state)
{
	(void)state;
	add_entry(SITE(1), 8, B(MOV(6)), HAS);
	expect_refused(ALT_RULE_DUPLICATE, NR_GOOD);
	assert_int_equal(result.refusal.other_entry, 1);
}

static void sites_do_not_overlap(void **state)
{
	(void)state;
	for (u32 at = 5; at < 8; at++) {
		restart_good();
		add_entry(SITE(2) + at, 1, NULL, 0, HAS);
		expect_refused(ALT_RULE_OVERLAP, NR_GOOD);
		assert_int_equal(result.refusal.other_entry, 3);
	}
	/* From below, over its start; INT3s are instructions, too. */
	restart_good();
	add_entry(SITE(2) - 3, 8, NULL, 0, HAS);
	expect_refused(ALT_RULE_OVERLAP, NR_GOOD);
	assert_int_equal(result.refusal.other_entry, 3);
	/* Controls: one that begins where another ends, and one that ends where it begins. */
	restart_good();
	add_entry(SITE(2) + 8, 2, NULL, 0, HAS);
	add_entry(SITE(2) - 3, 3, NULL, 0, HAS);
	assert_int_equal(apply(), 0);
}

static void replacement_outside(u32 i)
{
	set_replacement(i, replacements + replacement_bytes - 4);
}

static void replacement_before(u32 i)
{
	set_replacement(i, replacements - 1);
}

static void replacement_far_away(u32 i)
{
	entries[i].repl_offset = INT32_MAX;
}

static void replacements_lie_in_their_section(void **state)
{
	(void)state;
	in_every_entry(ALT_RULE_REPLACEMENT, replacement_outside);
	in_every_entry(ALT_RULE_REPLACEMENT, replacement_before);
	in_every_entry(ALT_RULE_REPLACEMENT, replacement_far_away);
}

static int apply_with_replacements_in_text(void)
{
	struct alt_table table = the_table();

	table.repl = NULL;
	table.repl_end = (const u8 *)UINTPTR_MAX;
	sim_forget();
	return apply_alternatives(&table, &result);
}

/* Else the site would have been written, or not, when the replacement is read. */
static void a_replacement_that_is_a_site_is_refused(void **state)
{
	u8 *free_place = sim_put(SITE(6) - sim_text, B(MOV(9)));

	(void)state;
	set_replacement(3, SITE(0));
	assert_int_equal(apply_with_replacements_in_text(), -ERR_REFUSED);
	assert_int_equal(result.refusal.rule, ALT_RULE_PLACE);
	assert_int_equal(result.refusal.entry, 3);
	assert_int_equal(result.refusal.other_entry, 0);
	assert_string_equal(sim_order(), "");
	set_replacement(3, free_place);
	assert_int_equal(apply_with_replacements_in_text(), 0);
	assert_int_equal(SITE(2)[1], 9);
}

static void a_torn_table_is_refused(void **state)
{
	struct alt_table table = the_table();

	(void)state;
	table.end = (const void *)((const u8 *)table.end - 1);
	assert_int_equal(apply_alternatives(&table, &result), -ERR_REFUSED);
	assert_int_equal(result.refusal.rule, ALT_RULE_TABLE);
	assert_null(result.refusal.addr);
	table.end = table.start - 1;
	assert_int_equal(apply_alternatives(&table, &result), -ERR_REFUSED);
	assert_int_equal(result.refusal.rule, ALT_RULE_TABLE);
	assert_string_equal(sim_order(), "");
}

/* ---- Code ---- */

static void spoil_code(u32 entry, const u8 *code, size_t len)
{
	memset((u8 *)alt_instr_replacement(&entries[entry]), 0x90, 5);
	memcpy((u8 *)alt_instr_replacement(&entries[entry]), code, len);
}

/* Those that lose, too: a table is as bad on the CPU where they do not. */
static void what_cannot_be_moved_is_refused_even_where_it_loses(void **state)
{
	(void)state;
	for (u32 i = 0; i < NR_GOOD; i++) {
		if (i == 4)
			continue;
		restart_good();
		spoil_code(i, B(0x90, 0xE2, 0x10));
		expect_refused(ALT_RULE_RELOCATION, i);
		assert_int_equal(result.refusal.relocation.offset, 1);
		assert_string_equal(result.refusal.relocation.why, "LOOP cannot be relocated");
		restart_good();
		spoil_code(i, B(0x06));
		expect_refused(ALT_RULE_RELOCATION, i);
		assert_string_equal(result.refusal.relocation.why, "no instruction");
		restart_good();
		spoil_code(i, B(0x90, 0x90, 0x90, 0x90, 0xE8));
		expect_refused(ALT_RULE_RELOCATION, i);
		assert_string_equal(result.refusal.relocation.why, "an instruction is cut off");
	}
}

/* Vendors differ on how long a branch with 66 is, and so on where the NOPs behind it begin. */
static void code_that_cannot_be_kept_is_refused(void **state)
{
	(void)state;
	sim_put(SITE(4) - sim_text, B(0x66, 0xE9, 0, 0, 0, 0, 0x90, 0x90));
	expect_refused(ALT_RULE_ORIGINAL, 5);
}

static void a_direct_call_is_one_call_over_another(void **state)
{
	(void)state;
	sim_put(SITE(3) - sim_text, B(MOV(0), 0x90, 0x90, 0x90));
	expect_refused(ALT_RULE_CALL_FORM, 4);
	restart_good();
	sim_put(SITE(3) - sim_text + 6, B(0x50, 0x58));
	expect_refused(ALT_RULE_CALL_FORM, 4);
	restart_good();
	spoil_code(4, B(0xE9, 0, 0, 0, 0));
	expect_refused(ALT_RULE_CALL_FORM, 4);
	restart_good();
	entries[4].replacementlen = 4;
	expect_refused(ALT_RULE_CALL_FORM, 4);
	/* Whether it wins or not. */
	restart_good();
	cpu_feature_clear(HAS);
	spoil_code(4, B(0xE9, 0, 0, 0, 0));
	expect_refused(ALT_RULE_CALL_FORM, 4);
}

static void a_direct_call_needs_a_function_within_reach(void **state)
{
	u64 next = (u64)alt_instr_replacement(&entries[4]) + 5;

	(void)state;
	pointer = 0;
	expect_refused(ALT_RULE_CALL_NULL, 4);
	pointer = next + INT32_MAX + 1ull;
	expect_refused(ALT_RULE_CALL_REACH, 4);
	pointer = next + INT32_MIN - 1ull;
	expect_refused(ALT_RULE_CALL_REACH, 4);
}

/* ---- Names ---- */

static void every_rule_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (u32 i = 0; i < NR_ALT_RULES; i++) {
		assert_non_null(alt_rule_name(i));
		for (u32 j = 0; j < i; j++)
			assert_string_not_equal(alt_rule_name(i), alt_rule_name(j));
	}
	assert_string_equal(alt_rule_name(NR_ALT_RULES), "?");
}

#define RULE_TEST(name) cmocka_unit_test_setup(name, reset_good)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RULE_TEST(the_good_table_is_applied),
		RULE_TEST(sites_of_no_bytes_or_too_many_are_refused),
		RULE_TEST(a_replacement_longer_than_its_site_is_refused),
		RULE_TEST(an_entry_vouches_for_its_own_length),
		RULE_TEST(features_and_flags_must_exist),
		RULE_TEST(sites_must_be_text),
		RULE_TEST(a_table_has_one_text),
		RULE_TEST(sites_are_whole_instructions),
		RULE_TEST(entries_of_a_site_stand_together),
		RULE_TEST(sites_do_not_overlap),
		RULE_TEST(replacements_lie_in_their_section),
		RULE_TEST(a_replacement_that_is_a_site_is_refused),
		RULE_TEST(a_torn_table_is_refused),
		RULE_TEST(what_cannot_be_moved_is_refused_even_where_it_loses),
		RULE_TEST(code_that_cannot_be_kept_is_refused),
		RULE_TEST(a_direct_call_is_one_call_over_another),
		RULE_TEST(a_direct_call_needs_a_function_within_reach),
		RULE_TEST(every_rule_has_a_name_of_its_own),
	};

	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests_name("alternative_rules", tests, NULL, NULL);
}
