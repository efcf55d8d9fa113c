/* SPDX-License-Identifier: MIT */
/*
 * Guarantees: sites of any form can be laid out at any place, across any boundary, and a layout
 * without room is refused. An instruction made of bytes of both forms of a site does not pass for
 * either: so that a torn one cannot hide from who counts passes.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "region_fixture.h"

#define TWO_MIB (2u << 20)
#define FAR_BYTES(nr_sites) (((nr_sites) + 1) * SITE_FAR_BYTES)

static void check_places(const struct site_place *places, u32 nr, size_t align_bytes)
{
	struct site_region sites;

	assert_int_equal(region_build_places(&sites, places, nr, align_bytes), 0);
	assert_int_equal((u64)sites.region.pages % align_bytes, 0);
	assert_int_equal(sites.nr_sites, nr);
	run_sites(&sites, nr, 0);
	for (u32 i = 0; i < nr; i++) {
		const struct site *site = &sites.sites[i];

		assert_ptr_equal(site->addr, sites.region.pages + places[i].offset);
		assert_int_equal(site->len, site_form_len(places[i].form));
		put_form(site, true);
		run_sites(&sites, nr - i - 1, i + 1);
	}
	for (u32 i = 0; i < nr; i++)
		put_form(&sites.sites[i], false);
	run_sites(&sites, nr, 0);
	site_region_free(&sites);
}

static void places_of_all_forms_stand_side_by_side_as_close_as_allowed(void **state)
{
	struct site_place places[2 * NR_SITE_FORMS * NR_SITE_FORMS];
	u32 nr = 0;

	(void)state;
	for (u32 a = 0; a < NR_SITE_FORMS; a++) {
		for (u32 b = 0; b < NR_SITE_FORMS; b++) {
			places[nr++].form = a;
			places[nr++].form = b;
		}
	}
	for (u32 i = 0; i < nr; i++)
		places[i].offset = FAR_BYTES(nr) + i * (SITE_LEAD_BYTES + SITE_TRAIL_BYTES);
	check_places(places, nr, PAGE_BYTES);
}

static void places_lie_across_any_boundary_at_every_split(void **state)
{
	static const u32 boundaries[] = { CACHE_LINE_BYTES, PAGE_BYTES, TWO_MIB };

	(void)state;
	for (u32 form = 0; form < NR_SITE_FORMS; form++) {
		for (u32 i = 0; i < ARRAY_SIZE(boundaries); i++) {
			u32 at = round_up(FAR_BYTES(1) + SITE_MAX_BYTES, boundaries[i]);

			for (u32 split = 0; split <= site_form_len(form); split++) {
				struct site_place place = { form, at - split };

				check_places(&place, 1,
					     boundaries[i] > PAGE_BYTES ? boundaries[i]
									: PAGE_BYTES);
			}
		}
	}
}

static void places_can_be_patched_there_and_back(void **state)
{
	struct site_place places[NR_SITE_FORMS];
	struct site_region sites;

	(void)state;
	for (u32 form = 0; form < NR_SITE_FORMS; form++)
		places[form] = (struct site_place){ form, FAR_BYTES(NR_SITE_FORMS) + form * 65 };
	assert_int_equal(region_build_places(&sites, places, NR_SITE_FORMS, PAGE_BYTES), 0);
	text_mutex_lock();
	for (u32 i = 0; i < 2 * NR_SITE_FORMS; i++) {
		const struct site *site = &sites.sites[i % NR_SITE_FORMS];

		assert_int_equal(smp_text_poke_single(site->addr,
						      i < NR_SITE_FORMS ? site->new : site->old,
						      site->len, NULL),
				 0);
	}
	text_mutex_unlock();
	run_sites(&sites, NR_SITE_FORMS, 0);
	site_region_free(&sites);
}

static void expect_refused(u32 first, u32 second, enum site_form form, u32 nr, size_t align_bytes)
{
	struct site_place places[] = { { SITE_NOP1_RET, first }, { form, second } };
	struct site_region sites;

	assert_int_equal(region_build_places(&sites, places, nr, align_bytes), -ERR_INVAL);
	assert_null(sites.region.pages);
	assert_null(sites.sites);
	assert_non_null(strstr(region_why(), "too close"));
}

static void layouts_without_room_or_order_are_refused(void **state)
{
	const u32 first = FAR_BYTES(2), next = first + SITE_LEAD_BYTES + SITE_TRAIL_BYTES;
	struct site_place good[] = { { SITE_NOP1_RET, first }, { SITE_JZ32_JZ32, next } };

	(void)state;
	check_places(good, 2, PAGE_BYTES);
	expect_refused(first - 1, next, SITE_JZ32_JZ32, 2, PAGE_BYTES);
	expect_refused(first, next - 1, SITE_JZ32_JZ32, 2, PAGE_BYTES);
	expect_refused(next, first, SITE_JZ32_JZ32, 2, PAGE_BYTES);
	expect_refused(first, first, SITE_JZ32_JZ32, 2, PAGE_BYTES);
	expect_refused(first, next, NR_SITE_FORMS, 2, PAGE_BYTES);
	expect_refused(first, next, SITE_JZ32_JZ32, 0, PAGE_BYTES);
	expect_refused(first, next, SITE_JZ32_JZ32, 2, 0);
	expect_refused(first, next, SITE_JZ32_JZ32, 2, 3 * PAGE_BYTES);
}

/* ---- Mixes of both forms ---- */

static struct site_region mix_sites;

static void run_mixed(void *arg)
{
	((site_fn)mix_sites.region.text)(arg);
}

/*
 * What may go unnoticed: 0F 1F is a NOP whatever its operand, and a condition that holds in both
 * forms leads to where the displacement says.
 */
static bool mix_is_harmless(enum site_form form, const struct site *site, const u8 *mix)
{
	if (form == SITE_NOP5_JMP32)
		return !memcmp(mix, site->old, 2);
	return form == SITE_JZ32_JNS32 &&
	       (!memcmp(mix + 2, site->old + 2, 4) || !memcmp(mix + 2, site->new + 2, 4));
}

/* Does the site with these bytes run as either of its forms would? */
static bool mix_passes(const struct site *site, const u8 *mix)
{
	struct tokens tokens = { 0 };

	assert_int_equal(text_poke_copy(site->addr, mix, site->len), 0);
	iret_to_self();
	return !machine_probe(run_mixed, &tokens, NULL) &&
	       tokens.old + tokens.new == mix_sites.nr_sites;
}

static u32 check_mixes(enum site_form form, const struct site *site)
{
	u32 nr_passed = 0;

	for (u32 bits = 0; bits < 1u << site->len; bits++) {
		u8 mix[SITE_MAX_BYTES];
		bool pure, passes;

		for (u32 i = 0; i < site->len; i++)
			mix[i] = bits >> i & 1 ? site->new[i] : site->old[i];
		pure = !memcmp(mix, site->old, site->len) || !memcmp(mix, site->new, site->len);
		passes = mix_passes(site, mix);
		assert_true(passes || !pure);
		if (passes && !pure && !mix_is_harmless(form, site, mix)) {
			print_error("%s: mix %02x passes\n", site_form_name(form), bits);
			nr_passed++;
		}
	}
	put_form(site, false);
	return nr_passed;
}

static void no_mix_of_both_forms_passes_for_either(void **state)
{
	const char *reason;
	u32 nr_passed = 0;

	(void)state;
	/* cmocka has taken the faults for itself. */
	assert_int_equal(traps_setup(&reason), 0);
	for (u32 form = 0; form < NR_SITE_FORMS; form++) {
		for (u32 offset = 0; offset < SITE_STRIDE_BYTES; offset += 7) {
			struct site_place places[] = {
				{ form, FAR_BYTES(2) + offset },
				{ form, FAR_BYTES(2) + offset + 256 },
			};

			assert_int_equal(region_build_places(&mix_sites, places, 2, PAGE_BYTES), 0);
			nr_passed += check_mixes(form, &mix_sites.sites[0]);
			nr_passed += check_mixes(form, &mix_sites.sites[1]);
			site_region_free(&mix_sites);
		}
	}
	assert_int_equal(nr_passed, 0);
}

/* The soak test goes by this: a Jcc rel32 always begins with 0F, and all else differs. */
static void the_two_forms_differ_in_every_byte_that_can(void **state)
{
	static const enum site_form all[] = { SITE_NOP5_JMP32, SITE_JMP32_CALL, SITE_NOP1_RET,
					      SITE_NOP2_JMP8,  SITE_NOP2_JZ8,	SITE_JZ32_JNS32 };
	struct site_place places[256];
	struct site_region sites;

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(places); i++)
		places[i] = (struct site_place){ all[i % ARRAY_SIZE(all)],
						 FAR_BYTES(ARRAY_SIZE(places)) + i * (64 + i) };
	assert_int_equal(region_build_places(&sites, places, ARRAY_SIZE(places), PAGE_BYTES), 0);
	for (u32 i = 0; i < ARRAY_SIZE(places); i++) {
		const struct site *site = &sites.sites[i];

		for (u32 byte = places[i].form == SITE_JZ32_JNS32; byte < site->len; byte++)
			assert_int_not_equal(site->old[byte], site->new[byte]);
	}
	site_region_free(&sites);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places_of_all_forms_stand_side_by_side_as_close_as_allowed),
		cmocka_unit_test(places_lie_across_any_boundary_at_every_split),
		cmocka_unit_test(places_can_be_patched_there_and_back),
		cmocka_unit_test(layouts_without_room_or_order_are_refused),
		cmocka_unit_test(no_mix_of_both_forms_passes_for_either),
		cmocka_unit_test(the_two_forms_differ_in_every_byte_that_can),
	};

	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests_name("region_places", tests, region_setup, NULL);
}
