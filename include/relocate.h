/* SPDX-License-Identifier: MIT */
/*
 * Code that is copied to where it was not assembled for.
 */
#ifndef SMPOKE_RELOCATE_H
#define SMPOKE_RELOCATE_H

#include "insn.h"
#include "types.h"

/* Why a block cannot be moved: where, and in one clause. */
struct relocation_refusal {
	size_t offset; /* of the instruction, from the start of the block */
	u8 bytes[INSN_MAX_BYTES]; /* of the instruction; where it is none, what is left of the block
				   */
	u8 nr_bytes; /* 0 for a refused length */
	const char *why; /* "LOOP cannot be relocated", "displacement does not fit", ... */
};

/**
 * text_poke_apply_relocation() - make a replacement run at the site
 * @buf: the replacement's bytes, changed in place; what is to be written to @instr
 * @instr: the address they will run at; not read
 * @len: of the site
 * @repl: the address they were assembled for; not read
 * @repl_len: how much of @buf is the replacement; what follows, up to @len, is padding already, and
 *	neither read nor changed
 * @ret: where and why it was refused; may be NULL; not written on success
 *
 * A displacement that leaves the block gets the distance of the move added: Jcc, JMP and CALL of
 * both widths, prefixed or not, and every RIP-relative operand. A target inside the replacement,
 * its end included, moves with it and is left alone, however close site and replacement are. A JMP
 * rel32 without prefixes that leaves the replacement becomes a JMP rel8 and three INT3s when its
 * target is within reach of that.
 *
 * Refused by name, wherever they lead: LOOP, LOOPcc, JRCXZ, XBEGIN, CALL and JMP through a far
 * pointer, and a relative branch with an operand-size prefix, which is of two lengths: Intel
 * ignores the prefix, AMD reads two bytes of displacement and cuts RIP off.
 * Where Linux does otherwise: docs/architecture.md.
 *
 * Context: any CPU, not from a trap. Pure: nothing but @buf is written, and that only on success.
 * Return: 0; -ERR_CORRUPT for bytes that are no instruction, or one that the end cuts off;
 * -ERR_RANGE when a displacement does not fit; -ERR_UNSUPPORTED for a form that cannot be moved;
 * -ERR_INVAL for @repl_len over @len.
 */
int text_poke_apply_relocation(u8 *buf, const u8 *instr, size_t len, const u8 *repl,
			       size_t repl_len, struct relocation_refusal *ret);

#endif
