/* SPDX-License-Identifier: MIT */
/*
 * The frame that machine_probe() leaves behind, and where a trap goes back to.
 */
#ifndef EFI_CATCH_H
#define EFI_CATCH_H

#include "machine.h"
#include "types.h"

struct catch_frame {
	/* Filled by catch_call(). */
	u64 bx, bp, r12, r13, r14, r15, sp, flags;
	/* Filled by machine_probe(). */
	struct catch_frame *outer;
	struct machine_fault *ret_fault; /* NULL = nobody asks */
	bool alias_open;
};

_Static_assert(offsetof(struct catch_frame, flags) == 56, "catch.S stores eight words in order");

/**
 * catch_call() - call fn(arg) with a way back
 *
 * Return: 0 when fn returned; 1 when the trap handler came back through catch_landing.
 */
int catch_call(struct catch_frame *frame, cpu_fn fn, void *arg);

/* Where the trap handler points RIP, with the frame's registers in place. Not to be called. */
extern const char catch_landing[];

#endif
