/* SPDX-License-Identifier: MIT */
/*
 * Alternatives: the whole table is checked, then each site is written once.
 */
#include "alternative_site.h"

#include "fault.h"
#include "mem.h"
#include "text_patching.h"

/* Whichever entry wins on another CPU, and if none does: a bad one is found on every CPU. */
static int check_site(const struct alt_job *job, const struct alt_site *site)
{
	u8 buf[ALT_MAX_PATCH_LEN];
	int err = alt_build(job, site, NULL, buf);

	for (const struct alt_instr *entry = site->first; !err && entry < site->end; entry++)
		err = alt_build(job, site, entry, buf);
	return err;
}

static int check_sites(const struct alt_job *job)
{
	struct alt_site site = { 0 };
	int err = 0;

	while (!err && alt_next_site(job->table, job->features, &site))
		err = check_site(job, &site);
	return err;
}

static int write_site(const struct alt_job *job, const struct alt_site *site)
{
	u8 buf[ALT_MAX_PATCH_LEN];
	int err = alt_build(job, site, site->winner, buf);

	return err ? err : text_poke_early(site->addr, buf, site->len);
}

/* The planted fault is what Linux did until 2026: each entry of a site in turn, over the other. */
static int patch_site(const struct alt_job *job, const struct alt_site *site)
{
	struct alt_site each = *site;
	int err = 0;

	for (each.winner = site->first; fault(ALT_WRITE_EACH) && each.winner < site->winner && !err;
	     each.winner++)
		err = write_site(job, &each);
	return err ? err : write_site(job, site);
}

static void count_site(const struct alt_site *site, struct alt_result *ret)
{
	ret->nr_sites++;
	ret->nr_entries += (u32)(site->end - site->first);
	ret->nr_bytes += site->len;
	if (site->winner)
		ret->nr_replaced++;
	else
		ret->nr_kept++;
}

static int patch_sites(const struct alt_job *job, struct alt_result *ret)
{
	struct alt_site site = { 0 };
	int err = 0;

	while (!err && alt_next_site(job->table, job->features, &site)) {
		err = patch_site(job, &site);
		if (!err)
			count_site(&site, ret);
	}
	return err;
}

int apply_alternatives(const struct alt_table *table, struct alt_result *ret)
{
	struct alt_job job = {
		.table = table,
		.features = &ret->features,
		.refusal = &ret->refusal,
	};
	int err;

	*ret = (struct alt_result){ .features = boot_cpu_features };
	if (!text_mutex_held())
		return -ERR_PERM;
	err = alt_check_table(&job);
	if (!err)
		err = check_sites(&job);
	return err ? err : patch_sites(&job, ret);
}
