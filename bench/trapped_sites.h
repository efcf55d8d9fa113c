/* SPDX-License-Identifier: MIT */
/*
 * Sites that stay under INT3, each with the entry that the queue had made of it, and a hook in the
 * place of the engine's that does what its handler does, with entries and references of its own: a
 * batch is over too soon to be measured trap by trap.
 */
#ifndef SMPOKE_BENCH_TRAPPED_SITES_H
#define SMPOKE_BENCH_TRAPPED_SITES_H

#include "bench.h"
#include "machine_text.h"
#include "region.h"
#include "text_patching.h"

/* What is emulated: the new form of the sites, or their old one, a NOP. */
struct trapped_form {
	enum site_form form;
	bool as_old;
};

/* A CPU's; the one behind the last CPU's is shared. */
struct trapped_ref {
	u32 count;
	u64 nr_traps;
} __attribute__((aligned(FALSE_SHARING_BYTES)));

struct trapped_sites {
	struct site_region sites; /* under INT3 */
	struct site_region plain; /* the same without */
	struct smp_text_poke_loc vec[TEXT_POKE_ARRAY_MAX];
	struct trapped_ref *refs;
	u32 nr_refs;
	bool as_old;
	bool borrowed; /* the hook */
	text_bp_hook before;
};

/**
 * trapped_sites_setup() - build, patch, put INT3s, borrow the hook
 *
 * Context: boot CPU, no batch under way. Return: 0, or an error with run->reason; in either case
 * trapped_sites_teardown() is owed.
 */
int trapped_sites_setup(struct bench_run *run, struct trapped_sites *t,
			const struct trapped_form *form, u32 nr_sites);
void trapped_sites_teardown(struct trapped_sites *t);

/* trapped_sites_share() - from now on all CPUs take one reference, or each its own */
void trapped_sites_share(struct trapped_sites *t, bool shared);

/* trapped_sites_ref() - what this CPU takes then */
u32 *trapped_sites_ref(struct trapped_sites *t, u32 cpu, bool shared);

/* trapped_sites_pass() - one run through the sites. Return: did each do what it should, by a trap?
 */
bool trapped_sites_pass(struct trapped_sites *t, u32 cpu);

/* trapped_sites_plain_pass() - the same without traps */
bool trapped_sites_plain_pass(struct trapped_sites *t);

#endif
