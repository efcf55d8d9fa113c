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
 * nops_fill() - make @len bytes do nothing, in one instruction
 * @len: less than 2 GiB; 0 writes nothing
 *
 * Up to NOP_MAX_BYTES one NOP; up to 127 a JMP rel8 over INT3s; beyond that a JMP rel32 over INT3s.
 * Context: any. Pure. Nobody may jump into the middle.
 */
void nops_fill(u8 *buf, size_t len);

/**
 * nops_optimize() - replace each run of NOPs in a block by one filling
 * @buf: code that begins with an instruction; changed in place, not text
 *
 * A NOP is what insn_is_nop() says. A NOP to which a branch of the block leads begins a run of its
 * own: so stays the target of a jump to the end of a replacement, with padding behind it.
 * Precondition, not checked: no branch from outside leads into the middle of a run, for it would
 * then lead into the middle of an instruction.
 *
 * Context: any CPU, not from a trap. Pure. Cost: one decoding of each instruction, and one of the
 * whole block for each NOP that follows another where a branch of the block stays inside it.
 * Return: 0; -ERR_CORRUPT with nothing changed when the block does not decode to its end, has a
 * branch into the middle of a NOP, or one with an operand-size prefix, after which vendors differ
 * on where the next instruction begins.
 */
int nops_optimize(u8 *buf, size_t len);

#endif
