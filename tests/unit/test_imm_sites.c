/* SPDX-License-Identifier: MIT */
/*
 * Guarantees of the sites that hazards are looked for with: in either form they are what they say,
 * and every mix of the bytes of both runs through, and is told from both.
 */
#include "unit.h"

#include <string.h>

#include "host.h"
#include "imm_sites.h"
#include "machine_text.h"
#include "text_patching.h"
#include "x86.h"

static const u32 offsets[] = { 64, 150, 2 * PAGE_BYTES - 3 };

/* By the means of who patches what nobody else runs. */
static void put_bytes(const struct imm_sites *s, u32 i, const u8 *bytes)
{
	assert_int_equal(text_poke_copy(s->sites[i].bytes, bytes, s->width), 0);
	iret_to_self();
}

static enum imm_outcome outcome_of(const struct imm_sites *s, u32 i)
{
	return imm_outcome(s, s->sites[i].run());
}

static void sites_of_every_kind_run_as_old_and_as_new_wherever_they_stand(void **state)
{
	(void)state;
	for (u32 kind = 0; kind < NR_IMM_KINDS; kind++) {
		struct imm_sites s;

		assert_int_equal(imm_sites_build(&s, kind, offsets, ARRAY_SIZE(offsets)), 0);
		for (u32 i = 0; i < ARRAY_SIZE(offsets); i++) {
			assert_ptr_equal(s.sites[i].bytes, s.region.pages + offsets[i]);
			assert_int_equal(outcome_of(&s, i), IMM_RAN_OLD);
			put_bytes(&s, i, s.new);
			assert_int_equal(outcome_of(&s, i), IMM_RAN_NEW);
			put_bytes(&s, i, s.old);
			assert_int_equal(outcome_of(&s, i), IMM_RAN_OLD);
		}
		imm_sites_free(&s);
	}
}

static void one_store_makes_either_form(void **state)
{
	(void)state;
	for (u32 kind = IMM_1; kind <= IMM_16; kind++) {
		struct imm_sites s;
		ptrdiff_t delta;

		assert_int_equal(imm_sites_build(&s, kind, offsets, ARRAY_SIZE(offsets)), 0);
		for (u32 i = 0; i < 2 * ARRAY_SIZE(offsets); i++) {
			text_mutex_lock();
			assert_int_equal(text_alias_open(&delta), 0);
			imm_store(&s, i / 2, delta, !(i % 2));
			text_alias_close();
			text_mutex_unlock();
			iret_to_self();
			assert_int_equal(outcome_of(&s, i / 2), i % 2 ? IMM_RAN_OLD : IMM_RAN_NEW);
		}
		imm_sites_free(&s);
	}
}

/* Bytes that are the same in both forms make no difference. */
static u32 nr_different(const struct imm_sites *s)
{
	u32 nr = 0;

	for (u32 i = 0; i < s->width; i++)
		nr += s->old[i] != s->new[i];
	return nr;
}

/* Bit n of @mask: the n-th byte that differs is new. */
static void put_mix(const struct imm_sites *s, u32 mask)
{
	u8 bytes[IMM_MAX_BYTES];

	for (u32 i = 0, n = 0; i < s->width; i++) {
		bytes[i] = s->old[i];
		if (s->old[i] != s->new[i] && mask >> n++ & 1)
			bytes[i] = s->new[i];
	}
	put_bytes(s, 0, bytes);
}

/* The first 8 of the 14 belong to the first instruction. */
static enum imm_outcome want_of_two(u32 mask)
{
	u32 first = mask & 0xFF, second = mask >> 8;

	if ((first && first != 0xFF) || (second && second != 0x3F))
		return IMM_RAN_TORN;
	if (!first == !second)
		return first ? IMM_RAN_NEW : IMM_RAN_OLD;
	return IMM_RAN_EACH;
}

static enum imm_outcome want_of(const struct imm_sites *s, u32 mask)
{
	if (s->kind == IMM_16)
		return want_of_two(mask);
	if (!mask)
		return IMM_RAN_OLD;
	return mask == (1u << nr_different(s)) - 1 ? IMM_RAN_NEW : IMM_RAN_TORN;
}

static void every_mix_of_bytes_runs_through_and_is_told(void **state)
{
	static const u32 different[NR_IMM_KINDS] = { 1, 2, 4, 8, 14, 5 };

	(void)state;
	for (u32 kind = 0; kind < NR_IMM_KINDS; kind++) {
		struct imm_sites s;

		assert_int_equal(imm_sites_build(&s, kind, offsets, 1), 0);
		assert_int_equal(nr_different(&s), different[kind]);
		for (u32 mask = 0; mask < 1u << different[kind]; mask++) {
			put_mix(&s, mask);
			assert_int_equal(outcome_of(&s, 0), want_of(&s, mask));
		}
		imm_sites_free(&s);
	}
}

static void who_stands_in_for_a_site_does_the_same(void **state)
{
	struct imm_sites s;

	(void)state;
	assert_int_equal(imm_sites_build(&s, IMM_WHOLE, offsets, ARRAY_SIZE(offsets)), 0);
	for (u32 new = 0; new < 2; new ++) {
		u8 call[CALL_INSN_SIZE] = { CALL_INSN_OPCODE };
		s32 rel = (s32)(s.stand_in[new] - (s.sites[1].addr + CALL_INSN_SIZE));

		memcpy(call + 1, &rel, sizeof(rel));
		assert_int_equal(text_poke_copy(s.sites[1].addr, call, sizeof(call)), 0);
		iret_to_self();
		assert_int_equal(outcome_of(&s, 1), new ? IMM_RAN_NEW : IMM_RAN_OLD);
	}
	imm_sites_free(&s);
}

static int setup(void **state)
{
	const char *reason;

	(void)state;
	return host_setup(&reason) || text_poke_init() ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sites_of_every_kind_run_as_old_and_as_new_wherever_they_stand),
		cmocka_unit_test(one_store_makes_either_form),
		cmocka_unit_test(every_mix_of_bytes_runs_through_and_is_told),
		cmocka_unit_test(who_stands_in_for_a_site_does_the_same),
	};

	return cmocka_run_group_tests_name("imm_sites", tests, setup, NULL);
}
