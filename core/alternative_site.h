/* SPDX-License-Identifier: MIT */
/*
 * The parts of apply_alternatives(): is the table sound as a whole, and what is a site to become?
 */
#ifndef SMPOKE_CORE_ALTERNATIVE_SITE_H
#define SMPOKE_CORE_ALTERNATIVE_SITE_H

#include "apply_alternatives.h"

/* A table at work: by which features, and where to say what is wrong with it. */
struct alt_job {
	const struct alt_table *table;
	const struct cpu_features *features;
	struct alt_refusal *refusal;
};

/* alt_refuse() - note the rule that @entry breaks. Return: -ERR_REFUSED. */
int alt_refuse(const struct alt_job *job, const struct alt_instr *entry, enum alt_rule rule);

/* alt_refuse_pair() - the same for two entries that collide */
int alt_refuse_pair(const struct alt_job *job, const struct alt_instr *entry,
		    const struct alt_instr *other, enum alt_rule rule);

/**
 * alt_check_table() - every rule that needs no code to be looked at
 *
 * Lengths, features, flags, where sites and replacements lie, duplicates and overlaps.
 * Context: as apply_alternatives(). Return: 0, -ERR_REFUSED or -ERR_NOMEM.
 */
int alt_check_table(const struct alt_job *job);

/**
 * alt_build() - what @site is to hold if @entry wins
 * @entry: one of the site's; NULL = its own code, with its NOPs merged
 * @buf: ALT_MAX_PATCH_LEN bytes, of which @site->len are filled
 *
 * The pointer of a DIRECT_CALL is read only when @entry is the winner: for the others the function
 * may not be there. Context: alt_check_table() has found nothing. Reads text and table, writes
 * @buf. Return: 0, or -ERR_REFUSED.
 */
int alt_build(const struct alt_job *job, const struct alt_site *site, const struct alt_instr *entry,
	      u8 *buf);

#endif
