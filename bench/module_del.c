/* SPDX-License-Identifier: MIT */
/*
 * The list begins anew: with all other CPUs out, as at boot, so many modules are added to it in UP
 * form; then SMP is enabled and the others come in. What is timed is the del of a module that was
 * loaded after that, which is on no list: before seed 0 it had to be looked for on all of it.
 *
 * The program's own text is not on the list by then, and stays as it is.
 */
#include "module_del.h"

#include "all_cpus.h"
#include "image_patching.h"
#include "machine.h"
#include "machine_text.h"
#include "page_alloc.h"
#include "smp_alt.h"
#include "text_patching.h"
#include "x86.h"

#define NR_DELS 16 /* timed together: one alone takes as long as the clock */
#define NODES_PER_PAGE 64 /* or more */
#define NR_POOL_PAGES(nr_modules) ((nr_modules) / NODES_PER_PAGE + 2)

const struct series module_del_series[MODULE_DEL_NR_SERIES] = { { "del", "tsc_mcycles" } };

/* A module is nothing but an identity to the list. */
struct del_bench {
	u64 ids[4096 + 1];
	u8 *text; /* of all of them: nobody runs it, and it has no LOCK */
	u8 *pool;
	size_t pool_bytes;
	bool has_pool, is_booted;
	s32 no_locks[1];
};

static const struct module_del *subject_of(const struct bench_run *run)
{
	return run->bench->param;
}

static const struct module *module_at(const struct del_bench *d, u32 i)
{
	return (const struct module *)&d->ids[i];
}

/* ---- The list, made anew: under text_mutex, this CPU alone ---- */

static int begin_list(struct bench_run *run, struct del_bench *d)
{
	const struct smp_alt_core core = {
		.locks = d->no_locks,
		.locks_end = d->no_locks,
		.text = d->text,
		.text_end = d->text + PAGE_BYTES,
	};
	const struct smp_alt_policy policy = {
		.up_form = SMP_UP_DS,
		.max_cpus = 1,
		.keep_nodes = subject_of(run)->keep_nodes,
	};
	int err = page_alloc_add_pool("modules", d->pool, d->pool + d->pool_bytes);

	d->has_pool = !err;
	if (!err)
		err = alternatives_smp_exit();
	if (!err)
		err = alternatives_smp_boot(&core, &policy);
	d->is_booted = !err;
	return err;
}

static int add_modules(struct bench_run *run, struct del_bench *d)
{
	int err = 0;

	for (u32 i = 0; i < subject_of(run)->nr_modules && !err; i++)
		err = alternatives_smp_module_add(module_at(d, i), "of suite module", d->no_locks,
						  d->no_locks, d->text, d->text + PAGE_BYTES);
	return err;
}

static int make_list(struct bench_run *run, struct del_bench *d)
{
	int err;

	text_mutex_lock();
	err = begin_list(run, d);
	if (!err)
		err = add_modules(run, d);
	if (!err)
		err = alternatives_enable_smp();
	text_mutex_unlock();
	return err ? bench_fail(run, err, "the list could not be made") : 0;
}

/* ---- The bench ---- */

static int alloc(struct bench_run *run, struct del_bench *d)
{
	d->pool_bytes = NR_POOL_PAGES(subject_of(run)->nr_modules) * PAGE_BYTES;
	d->text = text_alloc(PAGE_BYTES, PAGE_BYTES);
	d->pool = machine_alloc(d->pool_bytes);
	return d->text && d->pool ? 0 : bench_fail(run, -ERR_NOMEM, "no memory for the bench");
}

int module_del_setup(struct bench_run *run)
{
	struct del_bench *d;
	int err, back;

	run->cpus = 1;
	run->sites = subject_of(run)->nr_modules;
	if (image_patched()->two_way)
		return bench_fail(run, -ERR_UNSUPPORTED,
				  "needs the list, which two-way has in use");
	d = machine_alloc(sizeof(*d));
	if (!d)
		return bench_fail(run, -ERR_NOMEM, "no memory for the bench");
	run->priv = d;
	err = alloc(run, d);
	if (err)
		return err;
	err = all_cpus_down(run);
	if (!err)
		err = make_list(run, d);
	back = all_cpus_up(run);
	return err ? err : back;
}

/* Before seed 0 each del looks through the list, and the list has all of them; since, neither. */
int module_del_check(struct bench_run *run)
{
	const struct module_del *subject = subject_of(run);
	const struct del_bench *d = run->priv;
	struct smp_alt_state before, after;
	int err;

	text_mutex_lock();
	before = *alternatives_smp_state();
	err = alternatives_smp_module_del(module_at(d, subject->nr_modules));
	after = *alternatives_smp_state();
	text_mutex_unlock();
	if (!err && before.nr_modules != (subject->keep_nodes ? subject->nr_modules + 1 : 0))
		err = bench_fail(run, -ERR_VERIFY, "%u modules on the list", before.nr_modules);
	if (!err && after.nr_del_walks - before.nr_del_walks != subject->keep_nodes)
		err = bench_fail(run, -ERR_VERIFY, "del looked through the list %u times",
				 after.nr_del_walks - before.nr_del_walks);
	return err;
}

int module_del_sample(struct bench_run *run, u64 *values)
{
	const struct del_bench *d = run->priv;
	const struct module *absent = module_at(d, subject_of(run)->nr_modules);
	int err = 0;
	u64 begin;

	text_mutex_lock();
	begin = rdtsc_ordered();
	for (u32 i = 0; i < NR_DELS; i++)
		err |= alternatives_smp_module_del(absent);
	values[0] = (rdtsc_ordered() - begin) * 1000 / NR_DELS;
	text_mutex_unlock();
	return err ? bench_fail(run, -ERR_PERM, "del was refused") : 0;
}

/* The list is empty afterwards, as it was. */
void module_del_teardown(struct bench_run *run)
{
	struct del_bench *d = run->priv;
	int err = 0;

	if (!d)
		return;
	text_mutex_lock();
	if (d->is_booted)
		alternatives_smp_exit();
	if (d->has_pool)
		err = page_alloc_remove_pool(d->pool);
	text_mutex_unlock();
	if (err) {
		bench_violation(run, "a node of the list was not given back");
		return;
	}
	if (d->pool)
		machine_free(d->pool, d->pool_bytes);
	if (d->text)
		text_free(d->text, PAGE_BYTES);
	machine_free(d, sizeof(*d));
}
