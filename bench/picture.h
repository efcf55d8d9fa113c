/* SPDX-License-Identifier: MIT */
/*
 * The end of a run on a screen that can draw: bars that lead with what the table leads with, and
 * the code that a phone reads where nothing is stored (docs/results.md, "The code on the screen").
 */
#ifndef SMPOKE_BENCH_PICTURE_H
#define SMPOKE_BENCH_PICTURE_H

#include "facts.h"
#include "machine_io.h"
#include "results.h"
#include "runner.h"

/* What the code says first of a run. */
struct code_head {
	const char *brand;
	const struct options *options;
	const struct runner_totals *totals;
	u32 nr_cpus;
};

/**
 * picture_fill() - bars for the UP and the SMP form of what was measured
 *
 * Of suite primitives, else of suite lock. Without either there are no rows.
 */
void picture_fill(struct machine_picture *picture, const char *brand, const struct result_row *rows,
		  u32 nr_rows);

/**
 * picture_code() - the lines of the code, most important first, as many whole ones as @size holds
 * Return: length.
 */
size_t picture_code(char *buf, size_t size, const struct code_head *head,
		    const struct result_row *rows, u32 nr_rows);

/**
 * picture_look_s() - how long it stays: what --look says; else half a minute, ten where it is all
 * that there is, and not at all where there is no picture
 */
u32 picture_look_s(const struct options *options, bool draws);

/* picture_show() - until a key comes or the time is over; what was typed before does not count */
void picture_show(const struct machine_picture *picture, const struct options *options);

#endif
