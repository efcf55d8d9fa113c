/* SPDX-License-Identifier: MIT */
/*
 * The canonical NOPs: one instruction for each length (Intel SDM vol. 2, NOP, table 4-12, and the
 * longer forms with operand-size and CS prefixes).
 */
#ifndef SMPOKE_NOPS_H
#define SMPOKE_NOPS_H

#include "types.h"

#define NOP_MAX_BYTES 11

/*
 * nop_bytes() - the canonical NOP of 1 .. NOP_MAX_BYTES bytes; NULL for another length. noinstr
 * data.
 */
const u8 *nop_bytes(size_t len);

#endif
