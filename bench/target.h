/* SPDX-License-Identifier: MIT */
/*
 * A page of registered text under attack, and ordinary memory beside it for the controls.
 */
#ifndef SMPOKE_BENCH_TARGET_H
#define SMPOKE_BENCH_TARGET_H

#include "bench.h"

struct target {
	u8 *text;
	u8 *data;
	ptrdiff_t delta; /* to the alias, while it is open */
};

/* target_setup() - run->priv becomes a struct target, its text all INT3. Return: 0 or negative. */
int target_setup(struct bench_run *run);
void target_teardown(struct bench_run *run);

#endif
