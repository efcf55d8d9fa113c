/* SPDX-License-Identifier: MIT */
#include "region_locks.h"

#include "machine.h"
#include "text_patching.h"

int region_locks_switch(const struct region *region, bool smp, enum smp_up_form form,
			struct smp_locks_result *ret)
{
	if (smp)
		return alternatives_smp_lock(region->locks, region->locks_end, region->text,
					     region->text_end, form, ret);
	return alternatives_smp_unlock(region->locks, region->locks_end, region->text,
				       region->text_end, form, ret);
}

int region_locks_to(struct bench_run *run, const struct region *region, bool smp,
		    enum smp_up_form form)
{
	u32 nr_locks = (u32)(region->locks_end - region->locks);
	struct smp_locks_result result;
	int err;

	text_mutex_lock();
	err = region_locks_switch(region, smp, form, &result);
	text_mutex_unlock();
	if (err)
		return bench_fail(run, err, "the region could not be switched");
	if (result.nr_changed != nr_locks)
		return bench_fail(run, -ERR_VERIFY, "%u of %u prefixes switched", result.nr_changed,
				  nr_locks);
	return 0;
}

bool region_locks_are(const struct region *region, u8 prefix)
{
	for (const s32 *entry = region->locks; entry < region->locks_end; entry++)
		if (*self_relative(entry) != prefix)
			return false;
	return true;
}

void region_run_teardown(struct bench_run *run)
{
	struct region *region = run->priv;

	if (!region)
		return;
	if (region->text)
		region_free(region);
	machine_free(region, sizeof(*region));
}
