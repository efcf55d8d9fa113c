/* SPDX-License-Identifier: MIT */
/*
 * What no patcher can avoid: its sync rounds, one close of the alias, and the stores. Each of them
 * is measured alone after every change, so that a machine which changes its mood changes it for
 * both.
 */
#ifndef SMPOKE_BENCH_FLOOR_H
#define SMPOKE_BENCH_FLOOR_H

#include "toggle.h"
#include "types.h"

enum floor_part {
	FLOOR_SYNC, /* one round */
	FLOOR_CLOSE,
	FLOOR_STORES, /* of all three phases */
	NR_FLOOR_PARTS,
};

#define NR_FLOOR_SAMPLES 1024 /* of each part; the last so many are kept */

struct floor {
	u64 nr_samples;
	u64 samples[NR_FLOOR_PARTS][NR_FLOOR_SAMPLES], scratch[NR_FLOOR_SAMPLES];
};

/**
 * floor_sample() - each part once; the sites keep their bytes
 *
 * Context: boot CPU, text_mutex free. Return: 0 or an error of the machine's.
 */
int floor_sample(struct floor *f, const struct toggler *t);

/* floor_median_ns() - of the samples so far; 0 when there are none */
u64 floor_median_ns(struct floor *f, enum floor_part part);

/* floor_ns() - of a change in @nr_phases phases, a sync behind each */
u64 floor_ns(struct floor *f, u32 nr_phases);

#endif
