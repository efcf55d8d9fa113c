/* SPDX-License-Identifier: MIT */
/*
 * Planted faults that can be switched on: this folder stands before include/ in the fault build.
 *
 * SMPOKE_FAULT=NAME in the environment switches one on before main(). There is one variable a
 * fault, so that an identifier that core uses and this file does not know fails to build.
 */
#ifndef SMPOKE_FAULT_H
#define SMPOKE_FAULT_H

#include "types.h"

#define FAULTS(X)                                                                                  \
	X(OMIT_INT3) /* step 3 writes no INT3 */                                                   \
	X(SKIP_SYNC1) /* no sync between INT3 and tail */                                          \
	X(SKIP_SYNC2) /* no sync between tail and first byte */                                    \
	X(SKIP_SYNC3) /* no sync after the first byte */                                           \
	X(DROP_REFS_EARLY) /* step 8 does not wait for CPUs in the handler */                      \
	X(LEAVE_ALIAS_OPEN) /* step 6 left out */                                                  \
	X(WRONG_CALL_RETURN) /* an emulated CALL pushes an address one off */                      \
	X(WRONG_JMP) /* an emulated JMP falls through */                                           \
	X(UNDECODABLE_REGION) /* a byte of a code region is spoilt before it is copied */

#define X(id) extern bool fault_##id;
FAULTS(X)
#undef X

#define fault(id) (fault_##id)

#endif
