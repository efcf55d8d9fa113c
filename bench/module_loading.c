/* SPDX-License-Identifier: MIT */
/*
 * The region is NR_OPS times { NOP7, LOCK INC }. Its alternatives make each NOP7 add 1 to RAX, so
 * that what it returns tells how many were applied; what it counts up tells that its LOCK INCs ran.
 */
#include "module_loading.h"

#include "draft.h"
#include "fault_text.h"
#include "machine.h"
#include "machine_text.h"
#include "mem.h"
#include "module_load.h"
#include "region.h"
#include "text_patching.h"
#include "x86.h"

#define NR_OPS 64
#define SITE_BYTES 7
#define CODE_BYTES (NR_OPS * 16 + 64)
#define DEADLINE_NS (10 * NSEC_PER_SEC)

enum {
	LOADING_LOAD,
	LOADING_UNLOAD,
};

const struct series loading_series[LOADING_NR_SERIES] = {
	[LOADING_LOAD] = { "load", "ns" },
	[LOADING_UNLOAD] = { "unload", "ns" },
};

const struct series named_trap_series[NAMED_TRAP_NR_SERIES] = { { "traps", "count" } };

static const u8 lea_rax_1_more[SITE_BYTES] = { 0x48, 0x8D, 0x80, 0x01 };

struct tables {
	struct alt_instr alternatives[NR_OPS];
	u8 replacement[SITE_BYTES]; /* of each of them */
	s32 locks[NR_OPS];
};

struct loading {
	struct region region; /* not loaded by region_load() */
	struct tables *tables;
	struct module mod;
	struct module_info info;
	u8 code[CODE_BYTES]; /* as it was built */
	bool left_behind; /* a CPU did not end, and may still be in the region */
};

/* ---- The region ---- */

static void fill_entry(struct tables *tables, u32 i, u64 site, u64 lock)
{
	struct alt_instr *entry = &tables->alternatives[i];

	entry->instr_offset = (s32)(site - (u64)&entry->instr_offset);
	entry->repl_offset = (s32)((u64)tables->replacement - (u64)&entry->repl_offset);
	entry->cpuid = X86_FEATURE_ALWAYS;
	entry->instrlen = entry->replacementlen = SITE_BYTES;
	tables->locks[i] = (s32)(lock - (u64)&tables->locks[i]);
}

static void emit(struct assembler *a, struct tables *tables)
{
	asm_zero_eax(a);
	for (u32 i = 0; i < NR_OPS; i++) {
		u64 site = asm_here(a);

		asm_nop(a, SITE_BYTES);
		fill_entry(tables, i, site, asm_here(a));
		asm_rmw(a, ASM_RMW_INC, true, ASM_RDI, 0, ASM_RCX);
	}
	asm_ret(a);
}

static int build(struct loading *l)
{
	struct draft draft;
	int err = draft_begin(&draft, &l->region, CODE_BYTES, PAGE_BYTES, 0);

	if (!err)
		emit(&draft.a, l->tables);
	return draft_finish(&draft, &l->region, err);
}

static struct module_info info_of(const struct loading *l)
{
	const struct tables *tables = l->tables;

	return (struct module_info){
		.name = "loaded",
		.text = l->region.text,
		.text_end = l->region.text_end,
		.alternatives = { tables->alternatives, tables->alternatives + NR_OPS },
		.replacements = { tables->replacement, tables->replacement + SITE_BYTES },
		.locks = { tables->locks, tables->locks + NR_OPS },
	};
}

int loading_setup(struct bench_run *run)
{
	struct loading *l = machine_alloc(sizeof(*l));

	if (!l)
		return bench_fail(run, -ERR_NOMEM, "no memory for the bench");
	run->priv = l;
	run->sites = NR_OPS;
	run->cpus = 1;
	l->tables = text_near_alloc(sizeof(*l->tables));
	if (!l->tables)
		return bench_fail(run, -ERR_NOMEM, "no memory for tables");
	memcpy(l->tables->replacement, lea_rax_1_more, SITE_BYTES);
	if (build(l))
		return bench_fail(run, -ERR_NOMEM, "%s", region_why());
	l->info = info_of(l);
	memcpy(l->code, l->region.text, l->region.text_end - l->region.text);
	return 0;
}

void loading_teardown(struct bench_run *run)
{
	struct loading *l = run->priv;

	if (!l || l->left_behind)
		return;
	if (l->mod.state != MODULE_UNUSED && module_unload(&l->mod, NULL))
		return;
	if (l->region.text)
		region_free(&l->region);
	if (l->tables)
		text_near_free(l->tables, sizeof(*l->tables));
	machine_free(l, sizeof(*l));
}

/* ---- Loading ---- */

static int load(struct bench_run *run, struct loading *l)
{
	struct module_load_report report;
	int err = module_load(&l->mod, &l->info, MODULE_INSERT_RCU, &report);

	return err ? bench_fail(run, err, "%s", module_step_name(report.step)) : 0;
}

static int unload(struct bench_run *run, struct loading *l)
{
	struct stop_report report = { 0 };
	int err = module_unload(&l->mod, &report);

	return err ? bench_fail(run, err, "it could not be taken out (cpu %u, %s)", report.cpu,
				stop_state_name(report.state))
		   : 0;
}

struct pass {
	const struct region *region;
	u64 counted, returned;
};

static void run_region(void *arg)
{
	struct pass *pass = arg;

	pass->returned = ((rmw_fn)pass->region->text)(&pass->counted, 0);
}

static int run_it(struct bench_run *run, const struct loading *l)
{
	struct pass pass = { .region = &l->region };
	int err = machine_probe(run_region, &pass, NULL);

	if (err)
		return bench_fail(run, err, "what was loaded cannot be run");
	if (pass.counted != NR_OPS || pass.returned != NR_OPS)
		return bench_fail(run, -ERR_VERIFY, "%lu LOCKs and %lu alternatives of %u run",
				  pass.counted, pass.returned, NR_OPS);
	return 0;
}

int loading_sample(struct bench_run *run, u64 *values)
{
	struct loading *l = run->priv;
	u64 begin;
	int err = text_poke_copy(l->region.text, l->code, l->region.text_end - l->region.text);

	if (err)
		return bench_fail(run, err, "the region cannot be written");
	begin = rdtsc_ordered();
	err = load(run, l);
	values[LOADING_LOAD] = machine_ns(rdtsc_ordered() - begin);
	if (!err)
		err = run_it(run, l);
	if (err)
		return err;
	begin = rdtsc_ordered();
	err = unload(run, l);
	values[LOADING_UNLOAD] = machine_ns(rdtsc_ordered() - begin);
	return err;
}

/* ---- Traps ---- */

/* Text that traps: INT3s fill what is behind the code. */
static u8 *trap_at(const struct loading *l)
{
	return l->region.text_end + 1;
}

int named_trap_setup(struct bench_run *run)
{
	int err = loading_setup(run);
	struct loading *l = run->priv;

	if (err)
		return err;
	run->cpus = machine_nr_cpus();
	l->info.text_end += 16;
	return 0;
}

static void call(void *arg)
{
	((void (*)(void))arg)();
}

static int trap_on(struct bench_run *run, struct loading *l, u32 cpu, struct machine_fault *fault)
{
	int err;

	memset(fault, 0, sizeof(*fault));
	if (!cpu)
		err = machine_probe(call, trap_at(l), fault);
	else
		err = machine_cpu_start(cpu, call, trap_at(l));
	if (cpu && !err)
		err = machine_cpu_wait(cpu, DEADLINE_NS, fault);
	l->left_behind = l->left_behind || err == -ERR_TIMEOUT;
	if (err == -ERR_FAULT && fault->ip == (u64)trap_at(l))
		return 0;
	return bench_fail(run, err, "cpu %u did not trap where it was to", cpu);
}

static void told_wrong(struct bench_run *run, const char *name, const struct machine_fault *fault)
{
	char text[FAULT_TEXT_BYTES];

	fault_text(fault, text, sizeof(text));
	bench_violation(run, "in '%s': %s", name, text);
}

/* @name: what each CPU's trap is to be known by; "" for one in no module. */
static int trap_on_all(struct bench_run *run, struct loading *l, const char *name, u64 *nr)
{
	for (u32 cpu = 0; cpu < run->cpus; cpu++) {
		struct machine_fault fault;
		int err = trap_on(run, l, cpu, &fault);

		if (err)
			return err;
		if (memcmp(fault.module.text, name, name[0] ? 7 : 1) ||
		    (name[0] && fault.offset != (u64)(trap_at(l) - l->region.text)))
			told_wrong(run, name, &fault);
		++*nr;
	}
	return 0;
}

int named_trap_sample(struct bench_run *run, u64 *values)
{
	struct loading *l = run->priv;
	int err;

	values[0] = 0;
	err = trap_on_all(run, l, "", &values[0]);
	if (!err)
		err = load(run, l);
	if (!err)
		err = trap_on_all(run, l, "loaded", &values[0]);
	if (!err)
		err = unload(run, l);
	return err;
}
