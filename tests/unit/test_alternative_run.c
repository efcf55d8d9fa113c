/* SPDX-License-Identifier: MIT */
/*
 * Guarantees: the macros for C and for .S files write the table that they promise, and a copy of
 * the code, with that table applied, computes what was chosen: by the CPU itself, with every
 * combination of two features.
 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apply_alternatives.h"
#include "host.h"
#include "relocate.h"
#include "selftest.h"
#include "text_patching.h"
#include "x86.h"

#define MAX_TABLE 32
#define TEXT_BYTES (2 * PAGE_BYTES)

/* What the two objects say about themselves. */
#define OBJECT(x)                                                                                  \
	extern const struct alt_instr alt_##x##_table[], alt_##x##_table_end[];                    \
	extern const u8 alt_##x##_repl[], alt_##x##_repl_end[];                                    \
	extern const u8 alt_##x##_text[], alt_##x##_text_end[];
OBJECT(s)
OBJECT(c)

static const struct object {
	const char *name;
	const struct alt_instr *table, *table_end;
	const u8 *repl, *repl_end, *text, *text_end;
} objects[] = {
#define DESCRIBE(x)                                                                                \
	{ "alt_" #x,	      alt_##x##_table, alt_##x##_table_end, alt_##x##_repl,                \
	  alt_##x##_repl_end, alt_##x##_text,  alt_##x##_text_end },
	DESCRIBE(s) DESCRIBE(c)
};

/* By hand: what each macro must have written, and what the function returns. */
#define ERMS X86_FEATURE_ERMS
#define FSRM X86_FEATURE_FSRM
#define ALWAYS X86_FEATURE_ALWAYS
#define SITES(X)                                                                                   \
	X(s_same, 5, 10, 10, 11, 10, 11, { 5, 5, ERMS })                                           \
	X(s_not, 5, 10, 11, 10, 11, 10, { 5, 5, ALT_NOT(ERMS) })                                   \
	X(s_two, 5, 20, 20, 21, 0, 0, { 5, 5, ERMS }, { 5, 0, FSRM })                              \
	X(s_second, 5, 20, 20, 21, 22, 22, { 5, 2, ERMS }, { 5, 5, FSRM })                         \
	X(s_third, 7, 34, 35, 36, 35, 36, { 7, 5, ALWAYS }, { 7, 3, FSRM }, { 7, 7, ERMS })        \
	X(s_three, 16, 30, 31, 32, 33, 33, { 16, 4, ALWAYS }, { 16, 16, ERMS }, { 16, 3, FSRM })   \
	X(s_ternary, 5, 40, 42, 41, 42, 41, { 5, 4, ALWAYS }, { 5, 3, ERMS })                      \
	X(s_jump, 13, 50, 50, 51, 50, 51, { 13, 13, ERMS })                                        \
	X(s_reloc, 12, 0, 0, 60, 0, 60, { 12, 12, ERMS })                                          \
	X(s_direct, 6, 60, 60, 60, 60, 60, { 6, 5, ALT_DIRECT_CALL(ERMS) })                        \
	X(s_selftest, 12, -1, -1, -1, -1, -1, { 12, 12, ALWAYS })                                  \
	X(s_wrong, 12, -1, -1, -1, -1, -1, { 12, 12, ALWAYS })                                     \
	X(c_same, 5, 10, 10, 11, 10, 11, { 5, 5, ERMS })                                           \
	X(c_nested, 10, 20, 20, 21, 22, 22, { 5, 5, ERMS }, { 10, 10, FSRM })                      \
	X(c_second, 5, 20, 20, 21, 22, 22, { 5, 2, ERMS }, { 5, 5, FSRM })                         \
	X(c_third, 7, 34, 35, 36, 35, 36, { 7, 5, ALWAYS }, { 7, 3, FSRM }, { 7, 7, ERMS })        \
	X(c_three, 12, 30, 33, 33, 31, 32, { 12, 4, ALWAYS }, { 12, 12, ERMS },                    \
	  { 12, 3, ALT_NOT(FSRM) })                                                                \
	X(c_ternary, 5, 40, 42, 41, 42, 41, { 5, 4, ALWAYS }, { 5, 3, ERMS })                      \
	X(c_input, 3, 71, 71, 69, 71, 69, { 3, 3, ERMS })                                          \
	X(c_statement, 3, 80, 80, 80, 80, 80, { 3, 3, ERMS })

#define DECLARE(name, ...) extern const u8 alt_##name[], alt_##name##_site[], alt_##name##_end[];
SITES(DECLARE)

struct record {
	u8 instrlen, replacementlen;
	u32 feature;
};

static const struct expected {
	const char *name;
	const u8 *function, *site, *end;
	u8 len;
	s32 unpatched;
	s32 returns[4]; /* with neither feature, ERMS, FSRM, both; -1 = not called */
	struct record records[3];
} sites[] = {
#define EXPECT(name, len, before, r0, r1, r2, r3, ...)                                             \
	{ #name, alt_##name, alt_##name##_site,	 alt_##name##_end,                                 \
	  len,	 before,     { r0, r1, r2, r3 }, { __VA_ARGS__ } },
	SITES(EXPECT)
};

/* ---- The table as assembled ---- */

static u32 nr_records(const struct expected *e)
{
	u32 nr = 0;

	while (nr < ARRAY_SIZE(e->records) && e->records[nr].instrlen)
		nr++;
	return nr;
}

static void check_record(const struct alt_instr *entry, const struct expected *e, u32 i)
{
	const struct record *record = &e->records[i];

	assert_ptr_equal(alt_instr_site(entry), e->site);
	assert_int_equal(entry->instrlen, record->instrlen);
	assert_int_equal(entry->replacementlen, record->replacementlen);
	assert_int_equal(entry->cpuid | (u32)entry->flags << 16, record->feature);
}

/* Every entry has its site, in order, and none is left over. */
static void tables_are_as_written(void **state)
{
	const struct expected *e = sites;

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(objects); i++) {
		const struct alt_instr *entry = objects[i].table;
		const u8 *repl = objects[i].repl;

		while (entry < objects[i].table_end) {
			assert_true(e < sites + ARRAY_SIZE(sites));
			for (u32 j = 0; j < nr_records(e); j++, entry++) {
				check_record(entry, e, j);
				/* Nothing between one replacement and the next. */
				assert_ptr_equal(alt_instr_replacement(entry), repl);
				repl += entry->replacementlen;
			}
			e++;
		}
		assert_ptr_equal(entry, objects[i].table_end);
		assert_ptr_equal(repl, objects[i].repl_end);
	}
	assert_ptr_equal(e, sites + ARRAY_SIZE(sites));
}

/* From the end of the code that was written to the end of the site: single NOPs. */
static void sites_are_padded_to_the_longest(void **state)
{
	static const struct {
		const u8 *site;
		u8 code_len;
	} codes[] = {
		{ alt_s_same_site, 5 },	  { alt_s_two_site, 2 },   { alt_s_three_site, 5 },
		{ alt_s_jump_site, 5 },	  { alt_s_reloc_site, 0 }, { alt_s_direct_site, 6 },
		{ alt_c_nested_site, 2 }, { alt_c_three_site, 5 }, { alt_c_statement_site, 0 },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(sites); i++)
		assert_int_equal(sites[i].end - sites[i].site, sites[i].len);
	for (u32 i = 0; i < ARRAY_SIZE(codes); i++) {
		const struct expected *e = sites;

		while (e->site != codes[i].site)
			e++;
		for (const u8 *p = e->site; p < e->end; p++)
			assert_int_equal(*p == 0x90, p >= e->site + codes[i].code_len);
	}
}

/* What is only copied is neither executable nor writable where it is. */
static void replacements_are_constants(void **state)
{
	u64 repl = (u64)alt_instr_replacement(alt_s_table), from, to;
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512], rights[5] = "none";

	(void)state;
	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps))
		if (sscanf(line, "%lx-%lx %4s", &from, &to, rights) == 3 && repl >= from &&
		    repl < to)
			break;
	fclose(maps);
	assert_string_equal(rights, "r--p");
}

/* ---- A copy of it, applied ---- */

static u8 *text; /* INT3s between the tests, so that whoever leaves the path traps */
static struct alt_instr rebased[MAX_TABLE];

static int setup(void **state)
{
	const char *reason;

	(void)state;
	if (host_setup(&reason) || text_poke_init())
		return -1;
	text = text_alloc(TEXT_BYTES, PAGE_BYTES);
	return text ? text_register(text, TEXT_BYTES, NULL) : -1;
}

/* Sites come to @copy with the text, replacements stay. */
static struct alt_table rebase(const struct object *object, const u8 *copy)
{
	u32 nr = (u32)(object->table_end - object->table);

	assert_true(nr <= MAX_TABLE);
	memcpy(rebased, object->table, nr * sizeof(*rebased));
	for (u32 i = 0; i < nr; i++) {
		const struct alt_instr *from = &object->table[i];
		struct alt_instr *to = &rebased[i];

		to->instr_offset = (s32)(copy + (alt_instr_site(from) - object->text) -
					 (u8 *)&to->instr_offset);
		to->repl_offset = (s32)(alt_instr_replacement(from) - (u8 *)&to->repl_offset);
	}
	return (struct alt_table){ .start = rebased,
				   .end = rebased + nr,
				   .repl = object->repl,
				   .repl_end = object->repl_end };
}

/* As a loader would: with what leads out of it relocated. */
static struct alt_table load(const struct object *object)
{
	static u8 buf[TEXT_BYTES];
	size_t len = object->text_end - object->text;

	assert_true(len <= sizeof(buf));
	memcpy(buf, object->text, len);
	assert_int_equal(text_poke_apply_relocation(buf, text, len, object->text, len, NULL), 0);
	assert_int_equal(text_poke_set(text, INT3_INSN_OPCODE, TEXT_BYTES), 0);
	assert_int_equal(text_poke_copy(text, buf, len), 0);
	return rebase(object, text);
}

static void set_features(u32 combination)
{
	memset(&boot_cpu_features, 0, sizeof(boot_cpu_features));
	cpu_feature_set(ALWAYS);
	if (combination & 1)
		cpu_feature_set(ERMS);
	if (combination & 2)
		cpu_feature_set(FSRM);
}

static void apply(const struct alt_table *table)
{
	struct alt_result result;
	int err;

	text_mutex_lock();
	err = apply_alternatives(table, &result);
	text_mutex_unlock();
	assert_int_equal(err, 0);
	assert_int_equal(result.nr_entries, table->end - table->start);
}

static void *copied(const struct object *object, const u8 *function)
{
	return text + (function - object->text);
}

struct call {
	u32 (*function)(void);
	u32 returned;
};

static void call_it(void *arg)
{
	struct call *call = arg;

	call->returned = call->function();
}

static void expect_returns(const struct object *object, const struct expected *e, s32 want)
{
	struct call call = { .function = copied(object, e->function) };

	if (want < 0)
		return;
	assert_int_equal(machine_probe(call_it, &call, NULL), 0);
	if (call.returned != (u32)want)
		print_error("%s\n", e->name);
	assert_int_equal(call.returned, want);
}

static bool is_in(const struct object *object, const struct expected *e)
{
	return e->site >= object->text && e->site < object->text_end;
}

static void code_computes_what_was_chosen(void **state)
{
	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(objects); i++) {
		for (u32 combination = 0; combination < 4; combination++) {
			struct alt_table table = load(&objects[i]);

			set_features(combination);
			for (u32 j = 0; j < ARRAY_SIZE(sites); j++)
				if (is_in(&objects[i], &sites[j]))
					expect_returns(&objects[i], &sites[j], sites[j].unpatched);
			apply(&table);
			for (u32 j = 0; j < ARRAY_SIZE(sites); j++)
				if (is_in(&objects[i], &sites[j]))
					expect_returns(&objects[i], &sites[j],
						       sites[j].returns[combination]);
		}
	}
}

/* Not from memory any more: the pointer may change, and the call does not. */
static void a_direct_call_does_not_ask_the_pointer(void **state)
{
	extern u64 alt_s_pointer;
	const struct expected *e = sites;
	struct alt_table table = load(&objects[0]);
	u64 before = alt_s_pointer;

	(void)state;
	while (e->site != alt_s_direct_site)
		e++;
	set_features(1);
	apply(&table);
	assert_int_equal(text[e->site - objects[0].text], CALL_INSN_OPCODE);
	alt_s_pointer = 0;
	expect_returns(&objects[0], e, 60);
	alt_s_pointer = before;
}

/* ---- The self-test of relocation ---- */

static void the_relocation_self_test_tells_right_from_wrong(void **state)
{
	struct alt_table table = load(&objects[0]);
	cpu_fn right = copied(&objects[0], alt_s_selftest),
	       wrong = copied(&objects[0], alt_s_wrong);

	(void)state;
	set_features(0);
	/* Not patched yet: nobody is told anything. */
	assert_int_equal(alt_reloc_selftest(right), -ERR_VERIFY);
	apply(&table);
	assert_int_equal(alt_reloc_selftest(right), 0);
	assert_int_equal(alt_reloc_selftest(wrong), -ERR_VERIFY);
	assert_int_equal(text_poke_set(text, INT3_INSN_OPCODE, TEXT_BYTES), 0);
	assert_int_equal(alt_reloc_selftest(right), -ERR_FAULT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_are_as_written),
		cmocka_unit_test(sites_are_padded_to_the_longest),
		cmocka_unit_test(replacements_are_constants),
		cmocka_unit_test(code_computes_what_was_chosen),
		cmocka_unit_test(a_direct_call_does_not_ask_the_pointer),
		cmocka_unit_test(the_relocation_self_test_tells_right_from_wrong),
	};

	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests_name("alternative_run", tests, setup, NULL);
}
