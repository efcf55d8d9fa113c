/* SPDX-License-Identifier: MIT */
/*
 * Guarantees: every code region that bench can build decodes, computes what its operation means,
 * and its table points at LOCK bytes and at nothing else; every site form counts its old form
 * before and its new form after it was patched, wherever it stands in a line. The operations are
 * computed here a second time, in C.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "insn.h"
#include "region_fixture.h"
#include "smp_locks.h"
#include "text_patching.h"
#include "x86.h"

#define NR_RMW_OPS (ASM_RMW_XCHG + 1)
#define LINE_WORDS (CACHE_LINE_BYTES / sizeof(u64))

static const u32 op_counts[] = { 0, 1, 8, 63, 56, 500 };

/* ---- Read-modify-write loops ---- */

/* What the loop does to its lines. Return: rax. */
static u64 model_rmw(enum asm_rmw op, u64 *mem, u32 nr_lines, u32 nr_ops, u64 nr_passes)
{
	u64 rax = 5, reg[REGION_LINES] = { 5, 5, 5, 5, 5, 5, 5, 5 };

	for (u64 i = 0; i < nr_passes * nr_ops; i++) {
		u32 line = i % nr_ops % nr_lines;
		u64 *m = &mem[line * LINE_WORDS], *r = &reg[line], old = *m;

		switch (op) {
		case ASM_RMW_INC:
		case ASM_RMW_ADD:
			*m = old + 1;
			break;
		case ASM_RMW_XADD:
			*m = old + *r;
			*r = old;
			break;
		case ASM_RMW_CMPXCHG:
			if (old == rax)
				*m = *r;
			else
				rax = old;
			break;
		case ASM_RMW_BTS:
			*m = old | 8;
			break;
		case ASM_RMW_XCHG:
			*m = *r;
			*r = old;
			break;
		}
	}
	return rax;
}

static void expect_runs_as_model(const struct region *region, enum asm_rmw op, u32 nr_lines,
				 const char *form)
{
	static u64 mem[REGION_LINES * LINE_WORDS] __attribute__((aligned(CACHE_LINE_BYTES)));
	static u64 want[REGION_LINES * LINE_WORDS];
	static const u64 passes[] = { 1, 2, 3 };

	for (u32 i = 0; i < ARRAY_SIZE(passes); i++) {
		u64 rax, want_rax;

		for (u32 word = 0; word < ARRAY_SIZE(mem); word++)
			mem[word] = want[word] = word + 100;
		want_rax = model_rmw(op, want, nr_lines, region->nr_ops, passes[i]);
		rax = ((rmw_fn)region->text)(mem, passes[i]);
		if (rax != want_rax || memcmp(mem, want, sizeof(mem)))
			print_error("op %u %s, %u lines, %u ops, %llu passes\n", op, form, nr_lines,
				    region->nr_ops, (unsigned long long)passes[i]);
		assert_int_equal(rax, want_rax);
		assert_memory_equal(mem, want, sizeof(mem));
	}
}

/* Count the LOCK prefixes in text, by decoding; and that all of it decodes. */
static u32 count_locks(const struct region *region)
{
	struct insn insn;
	u32 nr = 0;

	for (const u8 *p = region->text; p < region->text_end; p += insn.len) {
		assert_int_equal(insn_decode(&insn, p, region->text_end - p), 0);
		nr += insn.has_lock;
	}
	return nr;
}

static void expect_table_right(const struct region *region, u32 nr)
{
	const u8 *last = NULL;

	assert_int_equal(region->locks_end - region->locks, nr);
	for (const s32 *entry = region->locks; entry < region->locks_end; entry++) {
		const u8 *prefix = self_relative(entry);

		assert_in_range((u64)prefix, (u64)region->text, (u64)region->text_end - 1);
		assert_int_equal(*prefix, LOCK_PREFIX_BYTE);
		assert_true(!last || prefix > last);
		last = prefix;
	}
}

static void unlock_region(struct region *region, enum smp_up_form form, bool back)
{
	struct smp_locks_result result;

	text_mutex_lock();
	assert_int_equal((back ? alternatives_smp_lock : alternatives_smp_unlock)(
				 region->locks, region->locks_end, region->text, region->text_end,
				 form, &result),
			 0);
	text_mutex_unlock();
	assert_int_equal(result.nr_changed, region->nr_ops);
}

static void check_locked(enum asm_rmw op, u32 nr_lines, u32 nr_ops)
{
	struct region region;

	assert_int_equal(region_build_rmw(&region, op, true, nr_lines, nr_ops), 0);
	assert_int_equal(count_locks(&region), nr_ops);
	expect_table_right(&region, nr_ops);
	expect_runs_as_model(&region, op, nr_lines, "lock");
	unlock_region(&region, SMP_UP_DS, false);
	assert_int_equal(count_locks(&region), 0);
	expect_runs_as_model(&region, op, nr_lines, "3e");
	unlock_region(&region, SMP_UP_DS, true);
	unlock_region(&region, SMP_UP_NOP, false);
	assert_int_equal(count_locks(&region), 0);
	expect_runs_as_model(&region, op, nr_lines, "90");
	unlock_region(&region, SMP_UP_NOP, true);
	assert_int_equal(count_locks(&region), nr_ops);
	region_free(&region);
}

static void check_bare(enum asm_rmw op, u32 nr_lines, u32 nr_ops)
{
	struct region region;

	assert_int_equal(region_build_rmw(&region, op, false, nr_lines, nr_ops), 0);
	assert_int_equal(count_locks(&region), 0);
	assert_null(region.locks);
	expect_runs_as_model(&region, op, nr_lines, "none");
	region_free(&region);
}

static void every_operation_computes_what_it_means_in_every_form(void **state)
{
	(void)state;
	for (u32 op = 0; op < NR_RMW_OPS; op++) {
		for (u32 i = 0; i < ARRAY_SIZE(op_counts); i++) {
			for (u32 nr_lines = 1; nr_lines <= REGION_LINES; nr_lines += 7) {
				check_bare(op, nr_lines, op_counts[i]);
				if (op_counts[i])
					check_locked(op, nr_lines, op_counts[i]);
			}
		}
	}
}

/* A region without a LOCK to its name must not be given a table either. */
static void the_empty_loop_has_no_table(void **state)
{
	struct region region;

	(void)state;
	assert_int_equal(region_build_rmw(&region, ASM_RMW_INC, true, 1, 0), 0);
	assert_null(region.locks);
	expect_runs_as_model(&region, ASM_RMW_INC, 1, "empty");
	region_free(&region);
}

static void a_freed_region_gives_its_text_back(void **state)
{
	struct region region;
	u8 *first;

	(void)state;
	assert_int_equal(region_build_rmw(&region, ASM_RMW_INC, true, 1, 8), 0);
	first = region.text;
	assert_true(text_contains(first, 1));
	region_free(&region);
	assert_null(region.text);
	assert_false(text_contains(first, 1));
	for (int i = 0; i < 10000; i++) {
		assert_int_equal(region_build_rmw(&region, ASM_RMW_INC, true, 1, 8), 0);
		assert_ptr_equal(region.text, first);
		region_free(&region);
	}
}

/* ---- Sites ---- */

static void check_sites(enum site_form form, u32 nr, u32 stride, u32 offset)
{
	struct site_region sites;
	u32 nr_new = 0;

	assert_int_equal(region_build_sites(&sites, form, nr, stride, offset), 0);
	run_sites(&sites, nr, 0);
	for (u32 i = 0; i < nr; i++) {
		const struct site *site = &sites.sites[i];

		assert_int_equal((u64)site->addr % SITE_STRIDE_BYTES, offset % SITE_STRIDE_BYTES);
		assert_true(!i || site->addr == site[-1].addr + stride);
		assert_memory_equal(site->addr, site->old, site->len);
		assert_memory_not_equal(site->old, site->new, site->len);
	}
	/* Every second one, then all: each pass counts every site once, in the form it has. */
	for (u32 i = 0; i < nr; i += 2, nr_new++)
		put_form(&sites.sites[i], true);
	run_sites(&sites, nr - nr_new, nr_new);
	for (u32 i = 1; i < nr; i += 2)
		put_form(&sites.sites[i], true);
	run_sites(&sites, 0, nr);
	for (u32 i = 0; i < nr; i++)
		put_form(&sites.sites[i], false);
	run_sites(&sites, nr, 0);
	site_region_free(&sites);
}

static void every_site_form_counts_itself_in_both_forms(void **state)
{
	static const u32 counts[] = { 1, 2, 16, 256 };

	(void)state;
	for (u32 form = 0; form < NR_ALL_SITE_FORMS; form++)
		for (u32 i = 0; i < ARRAY_SIZE(counts); i++)
			check_sites(form, counts[i], SITE_STRIDE_BYTES, 0);
}

static void every_site_form_stands_anywhere_in_a_line(void **state)
{
	(void)state;
	for (u32 form = 0; form < NR_ALL_SITE_FORMS; form++)
		for (u32 offset = 0; offset < SITE_STRIDE_BYTES; offset++)
			check_sites(form, 3, SITE_STRIDE_BYTES, offset);
}

static void strides_are_kept(void **state)
{
	(void)state;
	for (u32 form = 0; form < NR_ALL_SITE_FORMS; form++) {
		check_sites(form, 5, 128, 61);
		check_sites(form, 5, PAGE_BYTES, PAGE_BYTES - 3);
	}
}

/* Both ways, on a machine with real text: what can be built must be what can be patched. */
static void every_site_form_can_be_patched_there_and_back(void **state)
{
	u32 nr_refused = 0;

	(void)state;
	for (u32 form = 0; form < NR_ALL_SITE_FORMS; form++) {
		struct site_region sites;

		assert_int_equal(region_build_sites(&sites, form, 4, SITE_STRIDE_BYTES, 62), 0);
		text_mutex_lock();
		for (u32 i = 0; i < 8; i++) {
			const struct site *site = &sites.sites[i % 4];

			if (smp_text_poke_single(site->addr, i < 4 ? site->new : site->old,
						 site->len, NULL)) {
				print_error("%s, %s form: %s\n", site_form_name(form),
					    i < 4 ? "new" : "old",
					    text_poke_rule_name(smp_text_poke_refusal()->rule));
				nr_refused++;
			}
		}
		text_mutex_unlock();
		site_region_free(&sites);
	}
	assert_int_equal(nr_refused, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_operation_computes_what_it_means_in_every_form),
		cmocka_unit_test(the_empty_loop_has_no_table),
		cmocka_unit_test(a_freed_region_gives_its_text_back),
		cmocka_unit_test(every_site_form_counts_itself_in_both_forms),
		cmocka_unit_test(every_site_form_stands_anywhere_in_a_line),
		cmocka_unit_test(strides_are_kept),
		cmocka_unit_test(every_site_form_can_be_patched_there_and_back),
	};

	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests_name("region", tests, region_setup, NULL);
}
