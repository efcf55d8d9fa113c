/* SPDX-License-Identifier: MIT */
/*
 * CPU 1, which takes lines into its own cache by writing them, whenever it is asked to.
 */
#ifndef SMPOKE_BENCH_LINE_HOLDER_H
#define SMPOKE_BENCH_LINE_HOLDER_H

#include "types.h"

struct line_holder {
	u8 *lines;
	size_t bytes;
	u64 asked __attribute__((aligned(FALSE_SHARING_BYTES))); /* number of the request */
	u64 held __attribute__((aligned(FALSE_SHARING_BYTES))); /* the last one that was done */
};

/* line_holder_start() - lines and bytes are set. Return: 0 or an error of machine_cpu_start(). */
int line_holder_start(struct line_holder *holder);

/**
 * line_holder_take() - every line is in the other CPU's cache now, modified, and as it was
 *
 * Context: boot CPU. Nobody else uses the lines. Return: 0 or -ERR_TIMEOUT.
 */
int line_holder_take(struct line_holder *holder);

/* line_holder_stop() - Return: 0 when it is home, or was never started; else it may still write. */
int line_holder_stop(struct line_holder *holder);

#endif
