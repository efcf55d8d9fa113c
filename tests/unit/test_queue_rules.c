/* SPDX-License-Identifier: MIT */
/*
 * Guarantee: every rule of enum text_poke_rule is reached by a request that breaks it and nothing
 * else, the same request mended is accepted, and whatever is refused has written nothing and queued
 * nothing.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "queue_fixture.h"
#include "sim_machine.h"
#include "text_patching.h"

#define INT3 0xCC

static const u8 nop5[] = { 0x0F, 0x1F, 0x44, 0x00, 0x00 };

static int reset(void **state)
{
	(void)state;
	sim_reset();
	text_mutex_lock();
	return 0;
}

/* ---- The rules: one request each that breaks it, and the same one mended ---- */

struct request {
	const char *what;
	enum text_poke_rule rule;
	u8 site[12], site_len; /* put at sim_text + 64 first */
	s32 offset; /* from there */
	u8 opcode[8], len;
	u8 emulate[8]; /* all zero = NULL */
};

#define SITE(...) .site = { __VA_ARGS__ }, .site_len = sizeof((u8[]){ __VA_ARGS__ })
#define NEW(...) .opcode = { __VA_ARGS__ }, .len = sizeof((u8[]){ __VA_ARGS__ })
#define EMULATE(...) .emulate = { __VA_ARGS__ }
#define NOP5 0x0F, 0x1F, 0x44, 0x00, 0x00

static const struct request refused[] = {
	{ "no bytes", TEXT_POKE_RULE_LENGTH, SITE(NOP5), .len = 0 },
	{ "six bytes, not a Jcc", TEXT_POKE_RULE_LENGTH, SITE(0x66, NOP5),
	  NEW(0xE9, 0, 0, 0, 0, INT3) },
	{ "seven bytes", TEXT_POKE_RULE_LENGTH, SITE(0x0F, 0x1F, 0x80, 0, 0, 0, 0),
	  NEW(0x0F, 0x84, 0, 0, 0, 0, INT3) },
	{ "before the text", TEXT_POKE_RULE_TEXT, SITE(NOP5), .offset = -65,
	  NEW(0xE9, 0, 0, 0, 0) },
	{ "over the end of the text", TEXT_POKE_RULE_TEXT, SITE(NOP5),
	  .offset = SIM_TEXT_BYTES - 64 - 4, NEW(0xE9, 0, 0, 0, 0) },
	{ "no instruction there", TEXT_POKE_RULE_SITE_DECODE, SITE(0x06, INT3), NEW(0xC3) },
	{ "only the head of one there", TEXT_POKE_RULE_SITE_DECODE, SITE(NOP5), NEW(0xEB, 0) },
	{ "in the middle of one", TEXT_POKE_RULE_SITE_LENGTH, SITE(NOP5), .offset = 3,
	  NEW(0xEB, 0, INT3, INT3, INT3) },
	{ "a shorter one there", TEXT_POKE_RULE_SITE_LENGTH, SITE(0x66, 0x90, 0x90, 0x90, 0x90),
	  NEW(0xE9, 0, 0, 0, 0) },
	{ "a RET and something there", TEXT_POKE_RULE_SITE_LENGTH,
	  SITE(0xC3, 0x90, 0x90, 0x90, 0x90), NEW(0xE9, 0, 0, 0, 0) },
	{ "INT3s are no padding of a CALL", TEXT_POKE_RULE_SITE_LENGTH, SITE(0x66, 0x90, INT3),
	  NEW(0xEB, 0, INT3) },
	{ "in the middle of a MOV, where bytes decode too", TEXT_POKE_RULE_BOUNDARY,
	  SITE(0xB8, 0x44, 0, 0, 0xC3), .offset = 1, NEW(0xEB, 0, INT3) },
	{ "in the middle of a MOV, on an INT3 byte", TEXT_POKE_RULE_BOUNDARY,
	  SITE(0xB8, 0, 0, 0, INT3), .offset = 4, NEW(0xC3) },
	{ "new bytes are none", TEXT_POKE_RULE_NEW_DECODE, SITE(NOP5), NEW(0x06, 0, 0, 0, 0) },
	{ "new bytes end too early", TEXT_POKE_RULE_NEW_DECODE, SITE(0x66, 0x90), NEW(0xE9, 0) },
	{ "new one too short", TEXT_POKE_RULE_NEW_LENGTH, SITE(NOP5),
	  NEW(0x0F, 0x1F, 0x40, 0, INT3) },
	{ "padded with NOPs", TEXT_POKE_RULE_NEW_LENGTH, SITE(NOP5),
	  NEW(0xEB, 0, 0x90, INT3, INT3) },
	{ "padding ends in a NOP", TEXT_POKE_RULE_NEW_LENGTH, SITE(NOP5),
	  NEW(0xEB, 0, INT3, INT3, 0x90) },
	{ "a Jcc falls through", TEXT_POKE_RULE_NEW_LENGTH, SITE(NOP5),
	  NEW(0x74, 0, INT3, INT3, INT3) },
	{ "INT3s only", TEXT_POKE_RULE_NEW_LENGTH, SITE(NOP5), NEW(INT3, INT3, INT3, INT3, INT3) },
	{ "cannot be emulated", TEXT_POKE_RULE_EMULATE, SITE(NOP5), NEW(0xB8, 1, 0, 0, 0) },
	{ "a prefixed jump", TEXT_POKE_RULE_EMULATE, SITE(0x0F, 0x1F, 0x00), NEW(0x3E, 0xEB, 0) },
	{ "looks like a NOP", TEXT_POKE_RULE_EMULATE, SITE(0x66, 0x90), NEW(0xF3, 0x90) },
	{ "emulate argument is none", TEXT_POKE_RULE_EMULATE, SITE(NOP5), NEW(0xB8, 1, 0, 0, 0),
	  EMULATE(0x06) },
	{ "emulate argument cannot be", TEXT_POKE_RULE_EMULATE, SITE(NOP5), NEW(0xE9, 0, 0, 0, 0),
	  EMULATE(0xB8, 1, 0, 0, 0) },
	{ "emulate argument leads out of s32", TEXT_POKE_RULE_EMULATE, SITE(0x66, 0x90),
	  NEW(0x66, 0x90), EMULATE(0xE9, 0xFF, 0xFF, 0xFF, 0x7F) },
	{ "a CALL returns behind 5 bytes", TEXT_POKE_RULE_EMULATE, SITE(0x66, 0x90),
	  NEW(0x66, 0x90), EMULATE(0xE8, 0, 0, 0, 0) },
};

static const struct request accepted[] = {
	{ "the same, whole", 0, SITE(NOP5), NEW(0xE9, 0, 0, 0, 0) },
	{ "six bytes, a Jcc", 0, SITE(0x66, NOP5), NEW(0x0F, 0x84, 0, 0, 0, 0) },
	{ "the last bytes of the text", 0, SITE(NOP5), .offset = SIM_TEXT_BYTES - 64 - 1,
	  NEW(0xC3) },
	{ "padded with INT3s", 0, SITE(NOP5), NEW(0xEB, 0, INT3, INT3, INT3) },
	{ "RET padded", 0, SITE(NOP5), NEW(0xC3, INT3, INT3, INT3, INT3) },
	{ "a padded one there", 0, SITE(0xC3, INT3, INT3, INT3, INT3), NEW(NOP5) },
	{ "two bytes", 0, SITE(0x66, 0x90), NEW(0x66, 0x90) },
	{ "emulate argument up to the end of s32", 0, SITE(0x66, 0x90), NEW(0x66, 0x90),
	  EMULATE(0xE9, 0xFC, 0xFF, 0xFF, 0x7F) },
	{ "one byte", 0, SITE(0x90), NEW(INT3) },
	{ "any, with an emulate argument", 0, SITE(NOP5), NEW(0xB8, 1, 0, 0, 0),
	  EMULATE(0x0F, 0x1F, 0x44, 0, 0) },
	{ "any site that decodes", 0, SITE(0xB8, 1, 0, 0, 0), NEW(0xE8, 0, 0, 0, 0) },
};

static int ask(const struct request *r)
{
	sim_put(64, r->site, r->site_len);
	return smp_text_poke_batch_add(sim_text + 64 + r->offset, r->opcode, r->len,
				       r->emulate[0] ? r->emulate : NULL);
}

static void every_broken_rule_is_named_and_nothing_is_written(void **state)
{
	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(refused); i++) {
		const struct request *r = &refused[i];
		const struct text_poke_refusal *refusal = smp_text_poke_refusal();
		u64 before;

		sim_reset();
		text_mutex_lock();
		sim_put(64, r->site, r->site_len);
		before = sim_hash();
		expect_refused_as(r->what, ask(r), r->rule);
		assert_ptr_equal(refusal->addr, sim_text + 64 + r->offset);
		assert_int_equal(refusal->nr_bytes != 0, r->len != 0);
		assert_int_equal(text_poke_array.nr_entries, 0);
		assert_int_equal(sim_hash(), before);
		assert_string_equal(sim_order(), "");
	}
}

/* The control of every row above: mended, it is taken. */
static void what_keeps_the_rules_is_taken_and_written(void **state)
{
	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(accepted); i++) {
		const struct request *r = &accepted[i];
		int err;

		sim_reset();
		text_mutex_lock();
		err = ask(r);
		if (err)
			print_error("%s: '%s'\n", r->what,
				    text_poke_rule_name(smp_text_poke_refusal()->rule));
		assert_int_equal(err, 0);
		assert_int_equal(smp_text_poke_batch_finish(), 0);
		assert_memory_equal(sim_text + 64 + r->offset, r->opcode, r->len);
	}
}

/* The emulate argument has a length of its own, which may be less than the site's. */
static void no_byte_behind_the_emulate_argument_is_read(void **state)
{
	static const u8 bad[][2] = { { 0x06 }, { 0xF3, 0x90 } }; /* no instruction; PAUSE */

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		u8 *emulate = malloc(i + 1);

		sim_reset();
		text_mutex_lock();
		sim_put(64, nop5, sizeof(nop5));
		memcpy(emulate, bad[i], i + 1);
		expect_refused_as("short emulate argument",
				  smp_text_poke_batch_add(sim_text + 64, nop5, 5, emulate),
				  TEXT_POKE_RULE_EMULATE);
		assert_int_equal(smp_text_poke_refusal()->nr_bytes, i + 1);
		assert_memory_equal(smp_text_poke_refusal()->bytes, bad[i], i + 1);
		free(emulate);
	}
}

static void no_bytes_at_all_are_a_length(void **state)
{
	(void)state;
	sim_put(0, nop5, 5);
	expect_refused_as("NULL", smp_text_poke_batch_add(sim_text, NULL, 5, NULL),
			  TEXT_POKE_RULE_LENGTH);
}

/* Six bytes are a Jcc rel32 and nothing else: the entry implies the first byte from the length. */
static void a_six_byte_site_stays_a_jcc(void **state)
{
	static const u8 jz32[] = { 0x0F, 0x84, 0x20, 0, 0, 0 };
	static const u8 jnz32[] = { 0x0F, 0x85, 0x20, 0, 0, 0 };
	static const u8 nop6[] = { 0x66, NOP5 };

	(void)state;
	sim_put(0, jz32, 6);
	assert_int_equal(smp_text_poke_single(sim_text, jnz32, 6, NULL), 0);
	assert_memory_equal(sim_text, jnz32, 6);
	expect_refused_as("nop6", smp_text_poke_single(sim_text, nop6, 6, NULL),
			  TEXT_POKE_RULE_LENGTH);
	assert_int_equal(smp_text_poke_single(sim_text, jz32, 6, NULL), 0);
	assert_memory_equal(sim_text, jz32, 6);
}

static void every_rule_has_words_of_its_own(void **state)
{
	(void)state;
	for (int rule = 0; rule < NR_TEXT_POKE_RULES; rule++)
		for (int other = 0; other < rule; other++)
			assert_string_not_equal(text_poke_rule_name(rule),
						text_poke_rule_name(other));
	assert_string_equal(text_poke_rule_name(NR_TEXT_POKE_RULES), "?");
}

/*
 * STOPPED is for ever: test_engine.c reaches it, in a child. ORDER, UNEXPECTED and TARGET are rules
 * for tables of sites: test_static_key.c and test_static_call.c. The others of the first list:
 * test_queue.c.
 */
static void every_rule_is_reached_by_a_test(void **state)
{
	bool reached[NR_TEXT_POKE_RULES] = {
		[TEXT_POKE_RULE_NONE] = true,	 [TEXT_POKE_RULE_REACH] = true,
		[TEXT_POKE_RULE_OVERLAP] = true, [TEXT_POKE_RULE_LOCK] = true,
		[TEXT_POKE_RULE_CONTEXT] = true, [TEXT_POKE_RULE_STOPPED] = true,
		[TEXT_POKE_RULE_ORDER] = true,	 [TEXT_POKE_RULE_UNEXPECTED] = true,
		[TEXT_POKE_RULE_TARGET] = true,
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(refused); i++)
		reached[refused[i].rule] = true;
	for (int rule = 0; rule < NR_TEXT_POKE_RULES; rule++)
		assert_true(reached[rule]);
}

#define RULE_TEST(name) cmocka_unit_test_setup(name, reset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RULE_TEST(every_broken_rule_is_named_and_nothing_is_written),
		RULE_TEST(what_keeps_the_rules_is_taken_and_written),
		RULE_TEST(no_byte_behind_the_emulate_argument_is_read),
		RULE_TEST(no_bytes_at_all_are_a_length),
		RULE_TEST(a_six_byte_site_stays_a_jcc),
		RULE_TEST(every_rule_has_words_of_its_own),
		RULE_TEST(every_rule_is_reached_by_a_test),
	};

	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests_name("queue_rules", tests, NULL, NULL);
}
