/* SPDX-License-Identifier: MIT */
/*
 * What is about to run is on the medium before it runs. So the next start knows what hung, or was
 * under way when the power went: it says so in a row, leaves that out, and goes on behind it.
 *
 * One line in the file that machine_state_write() keeps. A machine that keeps none has no stages.
 */
#ifndef SMPOKE_BENCH_STAGES_H
#define SMPOKE_BENCH_STAGES_H

#include "options.h"
#include "results.h"

struct stages {
	bool kept; /* the machine keeps a state, and it could be written so far */
	bool goes_on; /* a run with the same options did not come to its end */
	bool is_over; /* one did, and was to start the machine again: nothing is left to do */
	char before[24]; /* the folder of the run that this one goes on from, or that is over */
	char run[24]; /* the folder of this one */
	u64 options_hash;
	u64 seed;
	enum plan plan; /* of this run: a person may have chosen another one in the menu */
	u32 first; /* number of the first bench to run; those before have their rows */
	bool first_hung; /* it was under way; a row says so, and it is left out */
	u32 rungs_hung; /* ways to start CPUs that did not come back: bit mask */
	u32 nr_benches; /* begun or passed over in this run */
};

enum stage {
	STAGE_RUN,
	STAGE_PASS, /* its rows are in the run before */
	STAGE_HUNG, /* in the run before */
};

/**
 * stages_read() - what the run before has left; before results_open()
 * @suite_names: as for options_describe()
 *
 * Takes over its seed, when the run goes on and nobody asked for another, and its plan.
 */
void stages_read(struct stages *s, struct options *options, const char *const *suite_names);

/* stages_begin() - from now on the state is that of this run, whose folder is open */
void stages_begin(struct stages *s, enum plan plan, const struct results *results);

/* stages_bench() - the next bench: is it to be run? Then the medium knows. NULL: always */
enum stage stages_bench(struct stages *s);

/* stages_rung() - the next way to start CPUs is about to be tried; the same for it */
void stages_rung(void *s, enum machine_start how);

/* stages_cpus_started() - none of them is under way any more */
void stages_cpus_started(struct stages *s);

/* stages_end() - the run has come to its end, and its files are closed */
void stages_end(struct stages *s, enum machine_then then);

#endif
