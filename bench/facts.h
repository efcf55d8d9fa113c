/* SPDX-License-Identifier: MIT */
/*
 * What a run ran on, for machine.csv and for the first lines of the screen.
 */
#ifndef SMPOKE_BENCH_FACTS_H
#define SMPOKE_BENCH_FACTS_H

#include "options.h"
#include "results.h"

#define FACT_BYTES 64

/* The facts that a person should see at once. */
struct facts {
	char brand[FACT_BYTES];
	char system[FACT_BYTES]; /* firmware or kernel; empty when the machine does not say */
};

/* facts_emulated() - true when figures are not a measurement of silicon */
bool facts_emulated(void);

/**
 * facts_write() - rows of machine.csv about machine, program and options
 * @up_reason: why fewer CPUs came than there are, or NULL
 *
 * Context: boot CPU, after machine_start_cpus().
 */
void facts_write(struct results *results, const struct options *options,
		 const char *const *suite_names, const char *up_reason, struct facts *ret);

#endif
