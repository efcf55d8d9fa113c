/* SPDX-License-Identifier: MIT */
/*
 * Guarantee: random tables end up as a model says that knows each block by its instructions, and
 * never decodes: who wins, where displacements lead, which NOPs meet. All text is compared.
 */
#include "alternative_fixture.h"

#include <stdio.h>

#define NR_ROUNDS 300
#define MAX_SITES 40
#define MAX_ITEMS 12

/* One instruction, and what matters about it. */
struct item {
	u8 bytes[8];
	u8 len;
	bool is_nop;
	u8 disp_offset; /* 0 = it has none; else 32 bits, from the end of the instruction */
	bool is_jmp32;
	const u8 *target;
};

struct code {
	struct item items[MAX_ITEMS];
	u32 nr_items;
	u8 len;
};

/* What a site may become, in the order of the table. */
struct way {
	struct code code;
	u32 feature;
	bool eligible; /* by the test's own reckoning */
};

struct site {
	u8 *addr;
	u8 len;
	struct code original;
	struct way ways[3];
	u32 nr_ways;
	bool is_call;
	u64 pointer; /* of a direct call, the last way */
};

static struct site sites[MAX_SITES];
static u32 nr_sites;
static u8 expected[SIM_TEXT_BYTES];
static u64 state64;

static u32 random_below(u32 n)
{
	state64 = state64 * 6364136223846793005ull + 1442695040888963407ull;
	return (u32)(state64 >> 33) % n;
}

static const struct item plain_items[] = {
	{ .bytes = { 0x90 }, .len = 1, .is_nop = true },
	{ .bytes = { 0x66, 0x90 }, .len = 2, .is_nop = true },
	{ .bytes = { 0x0F, 0x1F, 0x00 }, .len = 3, .is_nop = true },
	{ .bytes = { 0x0F, 0x1F, 0x44, 0, 0 }, .len = 5, .is_nop = true },
	{ .bytes = { 0x48, 0x89, 0xC0 }, .len = 3, .is_nop = true },
	{ .bytes = { 0x48, 0x8D, 0x76, 0x00 }, .len = 4, .is_nop = true },
	{ .bytes = { 0xF3, 0x90 }, .len = 2 },
	{ .bytes = { 0x41, 0x90 }, .len = 2 },
	{ .bytes = { 0x89, 0xC0 }, .len = 2 },
	{ .bytes = { 0x50 }, .len = 1 },
	{ .bytes = { 0x0F, 0xAE, 0xE8 }, .len = 3 },
	{ .bytes = { 0xB8, 0x90, 0x90, 0x90, 0x90 }, .len = 5 },
};

static const struct item moving_items[] = {
	{ .bytes = { 0xE8 }, .len = 5, .disp_offset = 1 },
	{ .bytes = { 0xE9 }, .len = 5, .disp_offset = 1, .is_jmp32 = true },
	{ .bytes = { 0x0F, 0x84 }, .len = 6, .disp_offset = 2 },
	{ .bytes = { 0x48, 0x8D, 0x05 }, .len = 7, .disp_offset = 3 },
	{ .bytes = { 0x80, 0x3D, 0, 0, 0, 0, 0x90 }, .len = 7, .disp_offset = 2 },
	{ .bytes = { 0x2E, 0xE9 }, .len = 6, .disp_offset = 2 },
};

static void append(struct code *code, const struct item *item, const u8 *target)
{
	code->items[code->nr_items] = *item;
	code->items[code->nr_items++].target = target;
	code->len += item->len;
}

/* Around the site at @addr, but not into it: the end of one is not 80 bytes away. */
static const u8 *random_target(const u8 *addr)
{
	return random_below(2) ? addr - 1 - random_below(200) : addr + 80 + random_below(120);
}

/* Up to @max_items; with those that move when @addr says where the code is going to be. */
static void random_code(struct code *ret, u32 max_items, const u8 *addr)
{
	ret->nr_items = ret->len = 0;
	for (u32 n = random_below(max_items + 1); n--;) {
		u32 kind = random_below(ARRAY_SIZE(plain_items) + (addr ? 12 : 0));

		if (kind < ARRAY_SIZE(plain_items))
			append(ret, &plain_items[kind], NULL);
		else
			append(ret, &moving_items[kind % ARRAY_SIZE(moving_items)],
			       random_target(addr));
	}
}

/* The bytes as an assembler would put them to @at. */
static void assemble(const struct code *code, const u8 *at, u8 *buf)
{
	u8 done = 0;

	for (u32 i = 0; i < code->nr_items; i++) {
		const struct item *item = &code->items[i];
		s32 disp = (s32)(item->target - (at + done + item->len));

		memcpy(buf + done, item->bytes, item->len);
		if (item->disp_offset)
			memcpy(buf + done + item->disp_offset, &disp, sizeof(disp));
		done += item->len;
	}
}

/* ---- The model ---- */

static void model_jump(const struct item *item, const u8 *at, u8 *buf)
{
	s64 rel8 = item->target - (at + 2);

	if (rel8 != (s8)rel8)
		return;
	buf[0] = 0xEB;
	buf[1] = (u8)rel8;
	memset(buf + 2, 0xCC, 3);
}

/* @code at @addr, padded to @len: replacements have their jumps shortened, originals not. */
static void model_code(const struct code *code, const u8 *addr, u8 len, bool shorten)
{
	u8 *buf = expected + (addr - sim_text), done = 0, run = 0;

	assemble(code, addr, buf);
	memset(buf + code->len, 0x90, len - code->len);
	for (u32 i = 0; i < code->nr_items; i++) {
		const struct item *item = &code->items[i];

		if (item->is_jmp32 && shorten)
			model_jump(item, addr + done, buf + done);
		run = item->is_nop ? run + item->len : 0;
		done += item->len;
		/* Filled anew with each NOP that follows: the last time counts. */
		nops_fill(buf + done - run, run);
	}
	nops_fill(buf + done - run, run + len - done);
}

static void model_call(const struct site *site)
{
	struct item call = { .bytes = { 0xE8 }, .len = 5, .disp_offset = 1 };
	struct code code = { 0 };

	if (site->pointer != (u64)nop_func)
		append(&code, &call, (const u8 *)site->pointer);
	model_code(&code, site->addr, site->len, false);
}

static void model_site(const struct site *site)
{
	const struct way *winner = NULL;

	for (u32 i = 0; i < site->nr_ways; i++)
		if (site->ways[i].eligible)
			winner = &site->ways[i];
	if (!winner)
		model_code(&site->original, site->addr, site->len, false);
	else if (site->is_call && winner == &site->ways[site->nr_ways - 1])
		model_call(site);
	else
		model_code(&winner->code, site->addr, site->len, true);
}

/* ---- The table ---- */

static void random_condition(struct way *way)
{
	static const struct {
		u32 feature;
		bool eligible;
	} conditions[] = {
		{ HAS, true },
		{ LACKS, false },
		{ ALT_NOT(HAS), false },
		{ ALT_NOT(LACKS), true },
		{ X86_FEATURE_ALWAYS, true },
	};
	u32 i = random_below(ARRAY_SIZE(conditions));

	way->feature = conditions[i].feature;
	way->eligible = conditions[i].eligible;
}

static void make_call(struct site *site)
{
	struct item by_pointer = { .bytes = { 0xFF, 0x15 }, .len = 6, .disp_offset = 2 };
	struct item call = { .bytes = { 0xE8 }, .len = 5, .disp_offset = 1 };
	struct way *last = &site->ways[site->nr_ways - 1];

	site->pointer = random_below(3) ? (u64)sim_text + random_below(SIM_TEXT_BYTES)
					: (u64)nop_func;
	site->original.nr_items = site->original.len = 0;
	append(&site->original, &by_pointer, (const u8 *)&site->pointer);
	last->code.nr_items = last->code.len = 0;
	append(&last->code, &call, replacements);
	last->feature = ALT_DIRECT_CALL(last->feature);
}

static void random_site(struct site *site, u8 *addr)
{
	u8 len = 1;

	site->addr = addr;
	site->nr_ways = 1 + random_below(3);
	random_code(&site->original, 5, NULL);
	for (u32 i = 0; i < site->nr_ways; i++) {
		random_code(&site->ways[i].code, 7, addr);
		random_condition(&site->ways[i]);
	}
	site->is_call = random_below(8) == 0;
	if (site->is_call)
		make_call(site);
	for (u32 i = 0; i < site->nr_ways; i++)
		if (site->ways[i].code.len > len)
			len = site->ways[i].code.len;
	site->len = site->original.len > len ? site->original.len : len;
}

static void put_site(struct site *site)
{
	u8 bytes[ALT_MAX_PATCH_LEN];

	memset(bytes, 0x90, site->len);
	assemble(&site->original, site->addr, bytes);
	sim_put(site->addr - sim_text, bytes, site->len);
}

static void enter_site(struct site *site)
{
	for (u32 i = 0; i < site->nr_ways; i++) {
		u8 bytes[ALT_MAX_PATCH_LEN];

		assemble(&site->ways[i].code, replacements + replacement_bytes, bytes);
		add_entry(site->addr, site->len, bytes, site->ways[i].code.len,
			  site->ways[i].feature);
	}
}

static void make_table(void)
{
	u32 order[MAX_SITES];
	u8 *addr = sim_text + 256;

	restart();
	nr_sites = 1 + random_below(MAX_SITES);
	for (u32 i = 0; i < nr_sites; i++) {
		u32 j = random_below(i + 1);

		random_site(&sites[i], addr);
		put_site(&sites[i]);
		/* Some begin where the one before ends. */
		addr += sites[i].len + (random_below(2) ? random_below(40) : 0);
		order[i] = order[j];
		order[j] = i;
	}
	for (u32 i = 0; i < nr_sites; i++)
		enter_site(&sites[order[i]]);
}

static u32 nr_eligible(void)
{
	u32 nr = 0;

	for (u32 i = 0; i < nr_sites; i++) {
		bool any = false;

		for (u32 j = 0; j < sites[i].nr_ways; j++)
			any |= sites[i].ways[j].eligible;
		nr += any;
	}
	return nr;
}

static void random_tables_become_what_the_model_says(void **state)
{
	const char *given = getenv("SEED");

	(void)state;
	state64 = given ? strtoull(given, NULL, 0) : 1;
	print_message("# repeat with: SEED=%llu ONLY=random* test_alternative_random\n",
		      (unsigned long long)state64);
	for (u32 round = 0; round < NR_ROUNDS; round++) {
		make_table();
		memcpy(expected, sim_text, sizeof(expected));
		for (u32 i = 0; i < nr_sites; i++)
			model_site(&sites[i]);
		assert_int_equal(apply(), 0);
		assert_memory_equal(sim_text, expected, sizeof(expected));
		assert_int_equal(sim.nr_of_kind[SIM_OPEN], nr_sites);
		assert_int_equal(sim.nr_of_kind[SIM_CLOSE], nr_sites);
		assert_int_equal(result.nr_sites, nr_sites);
		assert_int_equal(result.nr_entries, nr_entries);
		assert_int_equal(result.nr_replaced, nr_eligible());
	}
}

/* One byte of the table is spoilt: refused and nothing written, or applied, but never in between.
 */
static void a_random_byte_of_a_table_is_refused_or_harmless(void **state)
{
	u32 nr_refused = 0;

	(void)state;
	state64 = getenv("SEED") ? strtoull(getenv("SEED"), NULL, 0) : 1;
	print_message("# repeat with: SEED=%llu ONLY=a_random* test_alternative_random\n",
		      (unsigned long long)state64);
	for (u32 round = 0; round < NR_ROUNDS; round++) {
		u64 before;
		int err;

		make_table();
		((u8 *)entries)[random_below(nr_entries * sizeof(*entries))] ^= 1u
										<< random_below(8);
		before = sim_hash();
		err = apply();
		if (!err) {
			assert_int_equal(sim.nr_of_kind[SIM_OPEN], result.nr_sites);
			assert_int_equal(result.nr_entries, nr_entries);
			continue;
		}
		nr_refused++;
		assert_int_equal(err, -ERR_REFUSED);
		assert_int_equal(sim_hash(), before);
		assert_int_equal(sim.nr_of_kind[SIM_OPEN], 0);
		assert_int_not_equal(result.refusal.rule, ALT_RULE_NONE);
	}
	/* Offsets alone are 8 of an entry's 14 bytes. */
	assert_true(nr_refused > NR_ROUNDS / 2);
}

#define RANDOM_TEST(name) cmocka_unit_test_setup(name, reset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RANDOM_TEST(random_tables_become_what_the_model_says),
		RANDOM_TEST(a_random_byte_of_a_table_is_refused_or_harmless),
	};

	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests_name("alternative_random", tests, NULL, NULL);
}
