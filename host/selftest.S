/* SPDX-License-Identifier: MIT */
/*
 * What the boot driver tries out before and after the first patch.
 */
#include "selftest-asm.h"

	SELFTEST_CODE

	.section .note.GNU-stack, "", @progbits
