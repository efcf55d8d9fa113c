/* SPDX-License-Identifier: MIT */
/*
 * What both tests of the queue ask of a refusal.
 */
#ifndef SMPOKE_TESTS_QUEUE_FIXTURE_H
#define SMPOKE_TESTS_QUEUE_FIXTURE_H

#include "unit.h"

#include "text_patching.h"

static inline void expect_refused_as(const char *what, int err, enum text_poke_rule rule)
{
	const struct text_poke_refusal *refusal = smp_text_poke_refusal();

	if (err != -ERR_REFUSED || refusal->rule != rule)
		print_error("%s: error %d, '%s' and not '%s'\n", what, err,
			    text_poke_rule_name(refusal->rule), text_poke_rule_name(rule));
	assert_int_equal(err, -ERR_REFUSED);
	assert_int_equal(refusal->rule, rule);
}

#endif
