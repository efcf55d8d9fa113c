/* SPDX-License-Identifier: MIT */
/*
 * What the program has made of its own text, for log.txt and machine.csv.
 */
#ifndef SMPOKE_BENCH_PATCHED_H
#define SMPOKE_BENCH_PATCHED_H

#include "results.h"

/* patched_log() - a line for each site: what it held, what won, what it holds now */
void patched_log(struct results *log);

/* patched_facts() - counts, the form of the LOCKs, and what it took */
void patched_facts(struct results *results);

#endif
