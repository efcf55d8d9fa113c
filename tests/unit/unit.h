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
#include <cmocka.h>

#endif
