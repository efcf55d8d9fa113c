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

/**
 * nops_fill() - make @len bytes do nothing, in as few instructions as there can be
 *
 * Up to NOP_MAX_BYTES one NOP; up to 127 a JMP rel8 over INT3s; beyond that a JMP rel32 over INT3s.
 * Context: any. Pure. Nobody may jump into the middle.
 */
void nops_fill(u8 *buf, size_t len);

/**
 * nops_optimize() - replace each run of NOPs in a block by one filling
 * @buf: code that begins with an instruction; changed in place, not text
 *
 * A NOP is what insn_is_nop() says. Precondition, not checked: no branch leads into the middle of a
 * run, for it would then lead into the middle of an instruction (Linux's optimiser shares it).
 * Return: 0; -ERR_CORRUPT with nothing changed when the block does not decode to its end.
 */
int nops_optimize(u8 *buf, size_t len);

#endif
