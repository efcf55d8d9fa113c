/* SPDX-License-Identifier: MIT */
/*
 * I8, told by the CPUs themselves: each was reached by every sync of a batch, and once.
 */
#ifndef SMPOKE_BENCH_ANSWERS_H
#define SMPOKE_BENCH_ANSWERS_H

#include "bench.h"
#include "types.h"

struct answers {
	u64 *before; /* syncs answered so far, by CPU */
};

/* answers_alloc() - Return: 0, or -ERR_NOMEM with the reason set. answers_free(): also then. */
int answers_alloc(struct bench_run *run, struct answers *a);
void answers_free(struct answers *a);

/* answers_note() - before a batch: from here on answers count */
void answers_note(struct answers *a);

/* answers_check() - after it, before any other sync; each CPU with a wrong count is a violation */
void answers_check(struct bench_run *run, const struct answers *a);

#endif
