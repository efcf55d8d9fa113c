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
	u8 bytes[INSN_MAX_BYTES];
	u8 nr_bytes;
	const char *why; /* "LOOP cannot be relocated", "displacement does not fit", ... */
};

/**
 * text_poke_apply_relocation() - make a replacement run at the site
 * @buf: the replacement's bytes, changed in place; what is to be written to @instr
 * @instr: the address they will run at; not read
 * @repl: the address they were assembled for; not read
 * @len: of the block; what follows the replacement up to the site's length is padding in it already
 * @repl_len: how much of it is the replacement
 *
 * A displacement that leaves the block gets the distance of the move added: Jcc, JMP and CALL of
 * both widths, prefixed or not, and every RIP-relative operand. A target inside the block, the end
 * included, moves with it and is left alone, however close site and replacement are. A JMP rel32
 * without prefixes whose target comes within reach becomes a JMP rel8 and three INT3s. LOOP,
 * LOOPcc, JRCXZ, XBEGIN and far forms are refused by name. Specification: seed 4; what Linux gets
 * wrong is in docs/architecture.md.
 *
 * Context: any CPU, not from a trap. Pure: nothing but @buf is written, and that only on success.
 * Return: 0; -ERR_CORRUPT for bytes that are no instruction; -ERR_RANGE when a displacement does
 * not fit; -ERR_UNSUPPORTED for a form that cannot be moved; -ERR_INVAL for lengths. @ret (may be
 * NULL) says where and why.
 */
int text_poke_apply_relocation(u8 *buf, const u8 *instr, size_t len, const u8 *repl,
			       size_t repl_len, struct relocation_refusal *ret);

#endif
