/* SPDX-License-Identifier: MIT */
/*
 * Regions of sites on real text: one pass with its tokens counted, and a site's form put there.
 */
#ifndef SMPOKE_TESTS_REGION_FIXTURE_H
#define SMPOKE_TESTS_REGION_FIXTURE_H

#include "host.h"
#include "region.h"
#include "text_patching.h"
#include "x86.h"

static void run_sites(const struct site_region *sites, u64 want_old, u64 want_new)
{
	struct tokens before = { 0 }, tokens = { 0 };

	((site_fn)sites->region.text)(&tokens);
	tokens = tokens_since(&tokens, &before, sites->is_traced);
	assert_int_equal(tokens.old, want_old);
	assert_int_equal(tokens.new, want_new);
}

/* By the book's own means: nobody else runs here, so a plain copy is enough. */
static void put_form(const struct site *site, bool new)
{
	assert_int_equal(text_poke_copy(site->addr, new ? site->new : site->old, site->len), 0);
	iret_to_self();
}

static int region_setup(void **state)
{
	const char *reason;

	(void)state;
	return host_setup(&reason) || text_poke_init() ? -1 : 0;
}

#endif
