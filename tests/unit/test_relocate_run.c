/* SPDX-License-Identifier: MIT */
/*
 * Guarantee: a relocated block does at the site what it did where it was assembled. The oracle is
 * the CPU, which runs it at both places, with a canary in every register.
 */
#include "run_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "relocate_fixture.h"

/* A block, and the two places that it runs at. */
struct plan {
	u8 *repl, *site;
	u8 bytes[BLOCK_MAX * 2];
	size_t len;
	bool fits; /* every displacement, at the site */
};

#define NR_PIECES_MAX 10
#define MARGIN_BYTES 16 /* a read that is outside must not reach in */
#define MARK 0xB10C000000000000

/* What a run left, with addresses of the block as offsets, so that the places do not count. */
struct trace {
	struct trap_regs regs;
	u64 pushed[RUN_STACK_WORDS];
};

static u64 without_place(u64 value, const u8 *base, size_t len)
{
	u64 offset = value - (u64)base;

	return offset <= len ? MARK + offset : value;
}

static struct trace run_at(u8 *place, const u8 *bytes, size_t len, u64 flags)
{
	struct trace ret = { 0 };
	u64 *words = (u64 *)&ret.regs;
	const u64 *sp;

	run_clear();
	ret.regs = run_code(place, bytes, len, flags);
	sp = (u64 *)ret.regs.sp;
	for (size_t i = 0; i < sizeof(ret.regs) / sizeof(u64); i++)
		words[i] = without_place(words[i], place, len);
	assert_true(sp <= run_stack && run_stack - sp <= RUN_STACK_WORDS);
	for (u32 i = 0; sp + i < run_stack; i++)
		ret.pushed[i] = without_place(sp[i], place, len);
	return ret;
}

static bool runs_the_same(const struct plan *p, const u8 *relocated, u64 flags)
{
	struct trace at_repl = run_at(p->repl, p->bytes, p->len, flags);
	struct trace at_site = run_at(p->site, relocated, p->len, flags);

	return !memcmp(&at_repl, &at_site, sizeof(at_repl));
}

/* Both directions, at the last byte that a short jump reaches, and at the first it does not. */
static void a_jump_lands_where_it_landed_whether_it_shrinks_or_not(void **state)
{
	static const int from_short_end[] = { 127, 128, 60, 4, -128, -129, -60, -16 };

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(from_short_end); i++) {
		struct plan p = { .repl = run_text + 100, .site = run_text + 5000, .len = 5 };
		u8 *target = p.site + 2 + from_short_end[i];
		u8 moved[5];

		p.bytes[0] = 0xE9;
		put_displacement(p.bytes + 1, target - (p.repl + 5), 4);
		memcpy(moved, p.bytes, 5);
		assert_int_equal(text_poke_apply_relocation(moved, p.site, 5, p.repl, 5, NULL), 0);
		assert_int_equal(moved[0] == 0xEB, from_short_end[i] == (s8)from_short_end[i]);
		assert_int_equal(run_at(p.repl, p.bytes, 5, 0).regs.ip, (u64)target);
		assert_int_equal(run_at(p.site, moved, 5, 0).regs.ip, (u64)target);
	}
}

/* Pieces of a random block. None pops or returns, and none leads back inside. */
static const struct form pieces[] = {
	{ "jz rel8", B(0x74, 0), 1, 1 },
	{ "jl rel8", B(0x7C, 0), 1, 1 },
	{ "jmp rel8", B(0xEB, 0), 1, 1 },
	{ "cs jnz rel8", B(0x2E, 0x75, 0), 2, 1 },
	{ "jc rel32", B(0x0F, 0x82, 0, 0, 0, 0), 2, 4 },
	{ "cs jz rel32", B(0x2E, 0x0F, 0x84, 0, 0, 0, 0), 3, 4 },
	{ "jmp rel32", B(0xE9, 0, 0, 0, 0), 1, 4 },
	{ "cs jmp rel32", B(0x2E, 0xE9, 0, 0, 0, 0), 2, 4 },
	{ "call rel32", B(0xE8, 0, 0, 0, 0), 1, 4 },
	{ "lea rbx, [rip]", B(0x48, 0x8D, 0x1D, 0, 0, 0, 0), 3, 4 },
	{ "cmp byte [rip], CC", B(0x80, 0x3D, 0, 0, 0, 0, 0xCC), 2, 4 },
	{ "mov ecx, [rip]", B(0x8B, 0x0D, 0, 0, 0, 0), 2, 4 },
	{ "nop", B(0x0F, 0x1F, 0x44, 0, 0), 0, 0 },
	{ "cmc", B(0xF5), 0, 0 },
	{ "add edx, 77777777h", B(0x81, 0xC2, 0x77, 0x77, 0x77, 0x77), 0, 0 },
	{ "push rax", B(0x50), 0, 0 },
};

/* The block's own bytes are not the same in both runs, so these must read elsewhere. */
static bool reads(const struct form *piece)
{
	return piece->bytes[0] == 0x80 || piece->bytes[0] == 0x8B;
}

static s64 random_between(unsigned *seed, s64 low, s64 high)
{
	return low + rand_r(seed) % (high - low + 1);
}

static bool is_near(const u8 *addr, const u8 *start, size_t len)
{
	return addr + MARGIN_BYTES >= start && addr < start + len + MARGIN_BYTES;
}

static bool is_outside(const struct plan *p, const u8 *addr)
{
	return addr >= run_text && addr < run_text + RUN_TEXT_BYTES - MARGIN_BYTES &&
	       !is_near(addr, p->repl, p->len) && !is_near(addr, p->site, p->len);
}

/*
 * Some displacement from @next that leaves the block for an INT3 that both runs find there. Often
 * near the site, where a jump may shrink. Return: false when none was found.
 */
static bool choose_outside(const struct plan *p, size_t next, u8 width, unsigned *seed, s64 *ret)
{
	for (u32 try = 0; try < 100; try++) {
		u8 *addr = p->site + random_between(seed, -200, 200);

		if (width == 1)
			addr = p->repl + next + random_between(seed, INT8_MIN, INT8_MAX);
		else if (try % 2)
			addr = run_text + random_between(seed, 0, RUN_TEXT_BYTES - 1);
		*ret = addr - (p->repl + next);
		if (is_outside(p, addr))
			return true;
	}
	return false;
}

/* To the next piece, to the end of the block, or away. */
static s64 choose_displacement(struct plan *p, const struct form *piece, size_t next,
			       unsigned *seed)
{
	/* Short ones seldom leave, or most blocks would be refused. */
	bool leaves = reads(piece) || random_between(seed, 1, piece->width == 1 ? 8 : 2) == 1;
	s64 displacement, moved;

	if (!leaves || !choose_outside(p, next, piece->width, seed, &displacement)) {
		assert_false(reads(piece));
		return random_between(seed, 0, 1) ? 0 : (s64)(p->len - next);
	}
	moved = displacement + (p->repl - p->site);
	p->fits &= piece->width != 1 || moved == (s8)moved;
	return displacement;
}

/* The site right before or behind the replacement, or anywhere; they do not overlap. */
static void choose_places(struct plan *p, unsigned *seed)
{
	s64 last = RUN_TEXT_BYTES - BLOCK_MAX * 4;

	p->repl = run_text + random_between(seed, BLOCK_MAX * 4, last);
	do {
		p->site = p->repl + random_between(seed, -126, 126);
		if (random_between(seed, 0, 2) == 0)
			p->site = run_text + random_between(seed, BLOCK_MAX * 4, last);
	} while (is_near(p->site, p->repl, p->len) || is_near(p->repl, p->site, p->len));
}

static void choose_block(struct plan *p, unsigned *seed)
{
	const struct form *chosen[NR_PIECES_MAX];
	u32 nr = (u32)random_between(seed, 1, NR_PIECES_MAX);
	size_t at = 0;

	*p = (struct plan){ .fits = true };
	for (u32 i = 0; i < nr; i++) {
		chosen[i] = &pieces[random_between(seed, 0, ARRAY_SIZE(pieces) - 1)];
		memcpy(p->bytes + p->len, chosen[i]->bytes, chosen[i]->len);
		p->len += chosen[i]->len;
	}
	choose_places(p, seed);
	for (u32 i = 0; i < nr; at += chosen[i++]->len)
		if (chosen[i]->width)
			put_displacement(
				p->bytes + at + chosen[i]->at,
				choose_displacement(p, chosen[i], at + chosen[i]->len, seed),
				chosen[i]->width);
}

static bool has_shrunk(const struct plan *p, const u8 *relocated)
{
	for (size_t i = 0; i < p->len; i++)
		if (p->bytes[i] == 0xE9 && relocated[i] == 0xEB)
			return true;
	return false;
}

static void random_blocks_do_the_same_at_both_places(void **state)
{
	unsigned seed = getenv("SEED") ? (unsigned)atoi(getenv("SEED")) : 1;
	u32 nr_moved = 0, nr_shrunk = 0, nr_refused = 0;
	u8 relocated[sizeof(((struct plan *)0)->bytes)];

	(void)state;
	printf("# SEED=%u\n", seed);
	for (u32 round = 0; round < 3000; round++) {
		u64 flags = (u64)rand_r(&seed) & RUN_FLAGS;
		struct plan p;
		int err;

		choose_block(&p, &seed);
		memcpy(relocated, p.bytes, sizeof(relocated));
		err = text_poke_apply_relocation(relocated, p.site, p.len, p.repl, p.len, NULL);
		if (err != (p.fits ? 0 : -ERR_RANGE))
			fail_msg("round %u of this seed: error %d", round, err);
		nr_refused += err != 0;
		if (err)
			continue;
		nr_moved++;
		nr_shrunk += has_shrunk(&p, relocated);
		if (!runs_the_same(&p, relocated, flags))
			fail_msg("round %u of this seed: %zu bytes from %p to %p", round, p.len,
				 (void *)p.repl, (void *)p.site);
	}
	/* Each outcome often enough to mean something. */
	printf("# %u moved, %u of them shrunk, %u refused\n", nr_moved, nr_shrunk, nr_refused);
	assert_true(nr_moved > 1000 && nr_shrunk > 50 && nr_refused > 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_jump_lands_where_it_landed_whether_it_shrinks_or_not),
		cmocka_unit_test(random_blocks_do_the_same_at_both_places),
	};

	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests_name("relocate_run", tests, run_setup, NULL);
}
