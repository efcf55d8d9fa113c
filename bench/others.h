/* SPDX-License-Identifier: MIT */
/*
 * What the other CPUs do while sites are changed, and how many of them there are: who is not wanted
 * is taken out, so that no sync and no interrupt reaches it.
 */
#ifndef SMPOKE_BENCH_OTHERS_H
#define SMPOKE_BENCH_OTHERS_H

#include "bench.h"
#include "region.h"
#include "toggle.h"
#include "victim.h"

enum others_do {
	OTHERS_IN_CODE, /* run the sites */
	OTHERS_ELSEWHERE, /* run, but other code */
	OTHERS_IDLE, /* have no work: halted on bare metal */
	OTHERS_IRQS_OFF, /* hold interrupts back for so long, and take them for a moment */
};

/* Of the fields, what a bench asks for. */
struct others_kind {
	enum others_do what;
	u32 irqs_off_ns;
	u32 nr_sites; /* that are changed; 0 = as --batch says */
	bool alone;
};

struct others {
	const struct others_kind *kind;
	u32 nr_cpus; /* that are in, the boot CPU included; 0 = all */
	struct site_region code; /* what they run elsewhere */
	struct victims elsewhere;
	u32 stop __attribute__((aligned(FALSE_SHARING_BYTES))); /* of those with interrupts off */
};

/**
 * others_setup() - the sites that are changed, and what others run; before others_start()
 * @o: all zero, as @t is
 * @kind: stays where it is until others_end()
 *
 * Return: 0, or an error with run->reason set; run->cpus and run->sites are set.
 */
int others_setup(struct bench_run *run, struct others *o, const struct others_kind *kind,
		 struct toggler *t);

/**
 * others_start() - the CPUs that are not wanted are out, the others at it
 * @t: whose sites they run, if they do
 *
 * Context: boot CPU, no CPU has work. Return: as others_setup().
 */
int others_start(struct bench_run *run, struct others *o, struct toggler *t);

/* others_wait_pass() - until each that runs code has run a whole pass since the call. Return: same
 */
int others_wait_pass(struct bench_run *run, struct others *o, struct toggler *t);

/* others_passes() - of all of them, in the sites or elsewhere */
u64 others_passes(const struct others *o, const struct toggler *t);

/**
 * others_end() - all home and in again, and @t freed, with what its victims have found
 *
 * Return: false when one may still be at it: then what it reads must stay.
 */
bool others_end(struct bench_run *run, struct others *o, struct toggler *t);

#endif
