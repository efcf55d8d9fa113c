/* SPDX-License-Identifier: MIT */
#include "switch_time.h"

#include "machine.h"
#include "region_locks.h"
#include "text_patching.h"
#include "x86.h"

enum {
	SWITCH_UP,
	SWITCH_SMP,
};

const struct series switch_time_series[SWITCH_TIME_NR_SERIES] = {
	[SWITCH_UP] = { "up", "ns" },
	[SWITCH_SMP] = { "smp", "ns" },
};

/* All of what the switch reads and writes. */
static void flush(const struct region *region)
{
	for (const u8 *p = region->text; p < region->text_end; p += CACHE_LINE_BYTES)
		clflush(p);
	for (const s32 *entry = region->locks; entry < region->locks_end; entry++)
		clflush(entry);
	mfence();
}

static int sweep(const struct region *region, bool smp, u32 *ret_nr)
{
	struct smp_locks_result result;
	int err = region_locks_switch(region, smp, SMP_UP_DS, &result);

	*ret_nr = result.nr_changed;
	return err;
}

static int poke_each(const struct region *region, bool smp, u32 *ret_nr)
{
	u8 to = smp ? LOCK_PREFIX_BYTE : SMP_UP_DS;
	int err = 0;

	for (const s32 *entry = region->locks; entry < region->locks_end && !err; entry++)
		err = text_poke(self_relative(entry), &to, 1);
	*ret_nr = err ? 0 : (u32)(region->locks_end - region->locks);
	return err;
}

static int timed_switch(struct bench_run *run, bool smp, u64 *ret_ns)
{
	const struct switch_time *subject = run->bench->param;
	const struct region *region = run->priv;
	u64 begin;
	u32 nr;
	int err;

	if (subject->how == SWITCH_SWEEP_FLUSHED)
		flush(region);
	text_mutex_lock();
	begin = rdtsc_ordered();
	err = subject->how == SWITCH_POKE_EACH ? poke_each(region, smp, &nr)
					       : sweep(region, smp, &nr);
	*ret_ns = machine_ns(rdtsc_ordered() - begin);
	text_mutex_unlock();
	if (err)
		return bench_fail(run, err, "the region could not be switched");
	if (nr != subject->nr_sites)
		return bench_fail(run, -ERR_VERIFY, "%u of %u prefixes switched", nr,
				  subject->nr_sites);
	return 0;
}

int switch_time_setup(struct bench_run *run)
{
	const struct switch_time *subject = run->bench->param;
	struct region *region = machine_alloc(sizeof(*region));

	if (!region)
		return bench_fail(run, -ERR_NOMEM, "no memory for the bench");
	run->priv = region;
	run->cpus = 1;
	run->sites = subject->nr_sites;
	if (region_build_locks(region, subject->nr_sites, subject->stride_bytes))
		return bench_fail(run, -ERR_NOMEM, "%s", region_why());
	return 0;
}

struct one_run {
	const struct region *region;
	u64 counter;
};

static void run_region(void *arg)
{
	struct one_run *one = arg;

	((rmw_fn)one->region->text)(&one->counter, 1);
}

static bool is_form(const struct region *region, u8 byte)
{
	struct one_run one = { .region = region };

	return region_locks_are(region, byte) && !machine_probe(run_region, &one, NULL) &&
	       one.counter == region->nr_ops;
}

/* In either form every site holds its byte, and the code counts once a site. */
int switch_time_check(struct bench_run *run)
{
	const struct region *region = run->priv;
	bool right = is_form(region, LOCK_PREFIX_BYTE);
	u64 ns;
	int err = timed_switch(run, false, &ns);

	if (err)
		return err;
	right = right && is_form(region, SMP_UP_DS);
	err = timed_switch(run, true, &ns);
	if (err)
		return err;
	if (!right || !is_form(region, LOCK_PREFIX_BYTE))
		return bench_fail(run, -ERR_VERIFY, "the region is not right in both forms");
	return 0;
}

int switch_time_sample(struct bench_run *run, u64 *values)
{
	int err = timed_switch(run, false, &values[SWITCH_UP]);

	return err ? err : timed_switch(run, true, &values[SWITCH_SMP]);
}
