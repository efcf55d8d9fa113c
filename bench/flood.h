/* SPDX-License-Identifier: MIT */
/*
 * Two benches of suite check: the boot CPU writes text while CPU 1 interrupts it all the time.
 */
#ifndef SMPOKE_BENCH_FLOOD_H
#define SMPOKE_BENCH_FLOOD_H

#include "bench.h"

int flood_setup(struct bench_run *run);
void flood_teardown(struct bench_run *run);

/* flood_held_back_sample() - no interrupt is taken while the alias is open; it comes afterwards */
int flood_held_back_sample(struct bench_run *run, u64 *values);

/* flood_early_sample() - an interrupt right behind text_poke_early() runs what was written */
int flood_early_sample(struct bench_run *run, u64 *values);

#endif
