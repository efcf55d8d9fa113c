/* SPDX-License-Identifier: MIT */
/*
 * Every instruction that can carry a LOCK prefix, in every width, at one place, at several, or
 * across two lines; and what it means, in C.
 */
#ifndef SMPOKE_BENCH_LOCK_INSN_H
#define SMPOKE_BENCH_LOCK_INSN_H

#include "region.h"
#include "types.h"

struct lock_insn {
	enum asm_op op; /* or MFENCE, which takes no operand and no LOCK */
	u8 bytes; /* of its operand in memory */
	enum {
		LOCK_INSN_ALONE, /* memory, and no other operand but implied ones */
		LOCK_INSN_IMM,
		LOCK_INSN_REG,
	} from;
	s8 imm;
	bool on_stack; /* its operand is what the stack pointer points to */
};

/* Where the operands are: the i-th operation works on place i * step % nr_places. */
struct lock_layout {
	u32 nr_ops; /* in one pass */
	u32 nr_places, step;
	u32 stride_bytes;
	bool split; /* half of each lies in the next line */
};

#define LOCK_LINES_BYTES (128 * 128 + CACHE_LINE_BYTES) /* enough for every layout */

/**
 * lock_insn_build() - a loop over @times layout->nr_ops operations, to be called as rmw_fn
 * @times: 0 is the loop without any operation
 *
 * Return: as region_build_rmw().
 */
int lock_insn_build(struct region *ret, const struct lock_insn *insn,
		    const struct lock_layout *layout, bool lock, u32 times);

/* lock_insn_fill() - every operand becomes @value, in both halves where there are two; the rest A5
 */
void lock_insn_fill(u8 *lines, const struct lock_insn *insn, const struct lock_layout *layout,
		    u32 value);

/* lock_insn_model() - what one pass over @times layout->nr_ops operations leaves in @lines */
void lock_insn_model(u8 *lines, const struct lock_insn *insn, const struct lock_layout *layout,
		     u32 times);

#endif
