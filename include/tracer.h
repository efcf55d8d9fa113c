/* SPDX-License-Identifier: MIT */
/*
 * A tracer of function entries: a NOP5 at each, which becomes a CALL of the tracer's trampoline
 * and a NOP5 again, all of them at once. In Linux this is ftrace.
 *
 * Refusals and context: as in static_key.h.
 */
#ifndef SMPOKE_TRACER_H
#define SMPOKE_TRACER_H

#include "types.h"

/* Filled in by its owner before tracer_register(). */
struct tracer {
	u8 *const *sites; /* in the order of addresses */
	u32 nr_sites;
	/* Called at each entry; must leave every register as it was, and RET. */
	const void *trampoline;
	u32 enabled; /* tracer_enabled() reads it */
	bool registered;
};

/**
 * tracer_register() - accept a tracer whose sites all hold NOP5, or the CALL if it is enabled
 *
 * Return: as static_key_register().
 */
int tracer_register(struct tracer *tracer);
int tracer_unregister(struct tracer *tracer);

/**
 * tracer_enable() - every site calls the trampoline when this returns
 * tracer_disable() - none does, and no CPU will any more; one may still be inside the trampoline
 *
 * Every site is verified first. More than TEXT_POKE_ARRAY_MAX go out in several batches.
 * Cost: 3 syncs for each 256 sites; none when nothing changes.
 * Return: 0; -ERR_REFUSED with nothing changed; or the error of a flush: it is off then, sites of
 * earlier flushes have changed, and calling either again completes it.
 */
int tracer_enable(struct tracer *tracer);
int tracer_disable(struct tracer *tracer);

/**
 * tracer_enabled() - true only while no CPU can pass a site without a call
 *
 * Context: any CPU, any state.
 */
bool tracer_enabled(const struct tracer *tracer);

#endif
