/* SPDX-License-Identifier: MIT */
/*
 * What cmocka.h wants to be included before it, in one place.
 */
#ifndef SMPOKE_TESTS_UNIT_H
#define SMPOKE_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <cmocka.h>

/* expect() - assert_true() that names the case of a table */
#define expect(what, condition)                                                                    \
	do {                                                                                       \
		bool holds = (condition);                                                          \
		if (!holds)                                                                        \
			print_error("%s\n", (what));                                               \
		assert_true(holds);                                                                \
	} while (0)

#endif
