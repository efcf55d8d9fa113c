/* SPDX-License-Identifier: MIT */
/*
 * Does this machine keep its promises, in this boot? Each promise is attacked, and each attack has
 * its control: the same access where it must succeed. Without the control a fault proves nothing.
 */
#include "bench.h"
#include "flood.h"
#include "image_patching.h"
#include "machine.h"
#include "machine_text.h"
#include "mem.h"
#include "refused.h"
#include "region_locks.h"
#include "target.h"
#include "text_patching.h"
#include "x86.h"

#define DEADLINE_NS (10 * NSEC_PER_SEC)

static const struct series probe_series[] = { { "probes", "count" } };

/* ---- One access, on one CPU ---- */

static void store_byte(void *addr)
{
	*(volatile u8 *)addr = RET_INSN_OPCODE;
}

static void load_byte(void *addr)
{
	(void)*(volatile u8 *)addr;
}

static void call_code(void *addr)
{
	((void (*)(void))addr)();
}

/* Return: what machine_probe() or machine_cpu_wait() says. */
static int try_on(u32 cpu, cpu_fn access, void *addr, struct machine_fault *ret)
{
	int err;

	memset(ret, 0, sizeof(*ret));
	if (cpu == machine_this_cpu())
		return machine_probe(access, addr, ret);
	err = machine_cpu_start(cpu, access, addr);
	return err ? err : machine_cpu_wait(cpu, DEADLINE_NS, ret);
}

static void expect_success(struct bench_run *run, u32 cpu, cpu_fn access, void *addr,
			   const char *what)
{
	struct machine_fault fault;
	int err = try_on(cpu, access, addr, &fault);

	if (!err)
		return;
	run->violations++;
	bench_fail(run, err, "control: %s on cpu %u failed (vector %u)", what, cpu, fault.vector);
}

static void expect_page_fault(struct bench_run *run, u32 cpu, cpu_fn access, void *addr,
			      const char *what)
{
	struct machine_fault fault;
	int err = try_on(cpu, access, addr, &fault);

	if (err == -ERR_FAULT && fault.vector == TRAP_PF && fault.addr == (u64)addr)
		return;
	run->violations++;
	bench_fail(run, -ERR_VERIFY, "%s on cpu %u did not fault there", what, cpu);
}

/* ---- Text cannot be written where it runs ---- */

static int wx_sample(struct bench_run *run, u64 *values)
{
	struct target *target = run->priv;

	for (u32 cpu = 0; cpu < machine_nr_cpus(); cpu++) {
		expect_success(run, cpu, store_byte, target->data, "a store to data");
		expect_success(run, cpu, load_byte, target->text, "a load from text");
		expect_page_fault(run, cpu, store_byte, target->text, "a store to text");
	}
	if (target->text[0] != INT3_INSN_OPCODE) {
		run->violations++;
		bench_fail(run, -ERR_VERIFY, "the store to text went through");
	}
	values[0] = machine_nr_cpus();
	return 0;
}

/* ---- The alias is gone when it is closed ---- */

static int alias_closed_sample(struct bench_run *run, u64 *values)
{
	struct target *target = run->priv;
	u8 *alias;
	int err;

	text_mutex_lock();
	err = text_alias_open(&target->delta);
	if (!err) {
		alias = target->text + target->delta;
		expect_success(run, 0, store_byte, alias, "a store through the open alias");
		text_alias_close();
	}
	text_mutex_unlock();
	if (err)
		return bench_fail(run, err, "the alias did not open");
	if (target->text[0] != RET_INSN_OPCODE) {
		run->violations++;
		bench_fail(run, -ERR_VERIFY, "the store through the alias did not reach text");
	}
	for (u32 cpu = 0; cpu < machine_nr_cpus(); cpu++) {
		expect_page_fault(run, cpu, store_byte, alias, "a store to the closed alias");
		expect_page_fault(run, cpu, load_byte, alias, "a load from the closed alias");
	}
	values[0] = machine_nr_cpus();
	return 0;
}

/* ---- No other CPU reaches it while it is open ---- */

static int alias_other_sample(struct bench_run *run, u64 *values)
{
	struct target *target = run->priv;
	int err;

	text_mutex_lock();
	err = text_alias_open(&target->delta);
	if (!err) {
		u8 *alias = target->text + target->delta;

		expect_success(run, 0, load_byte, alias, "a load through the open alias");
		for (u32 cpu = 1; cpu < machine_nr_cpus(); cpu++) {
			expect_page_fault(run, cpu, load_byte, alias,
					  "a load from another's alias");
			expect_page_fault(run, cpu, store_byte, alias,
					  "a store to another's alias");
		}
		text_alias_close();
	}
	text_mutex_unlock();
	values[0] = machine_nr_cpus() - 1;
	return err ? bench_fail(run, err, "the alias did not open") : 0;
}

/* ---- A breakpoint that is not ours is reported, once, where it is ---- */

static void expect_foreign(struct bench_run *run, u32 cpu, u8 *code)
{
	u64 before = text_poke_traps(cpu).nr_foreign;
	struct machine_fault fault;
	int err = try_on(cpu, call_code, code, &fault);

	if (err == -ERR_FAULT && fault.vector == TRAP_BP && fault.ip == (u64)code &&
	    text_poke_traps(cpu).nr_foreign == before + 1)
		return;
	run->violations++;
	bench_fail(run, -ERR_VERIFY, "a foreign INT3 on cpu %u was not reported once", cpu);
}

static int foreign_sample(struct bench_run *run, u64 *values)
{
	struct target *target = run->priv;
	const u8 ret = RET_INSN_OPCODE, int3 = INT3_INSN_OPCODE;

	text_poke_copy(target->text, &ret, 1);
	smp_text_poke_sync_each_cpu();
	for (u32 cpu = 0; cpu < machine_nr_cpus(); cpu++)
		expect_success(run, cpu, call_code, target->text, "a RET in text");
	text_poke_copy(target->text, &int3, 1);
	smp_text_poke_sync_each_cpu();
	for (u32 cpu = 0; cpu < machine_nr_cpus(); cpu++)
		expect_foreign(run, cpu, target->text);
	values[0] = machine_nr_cpus();
	return 0;
}

/* ---- A trap in a procedure ends it and says where; the CPU goes on ---- */

struct trap_case {
	u8 code[8], len;
	u32 vector;
};

static const struct trap_case bad_opcode = { { 0x0f, 0x0b }, 2, TRAP_UD };
/* MOV RAX, [RDI]. Bits 63 to 47 of an address must be equal, and of this one they are not. */
static const struct trap_case bad_address = { { 0x48, 0x8b, 0x07 }, 3, TRAP_GP };

static void call_with_bad_address(void *arg)
{
	((void (*)(u64))arg)(1ull << 63);
}

static void expect_trap(struct bench_run *run, u32 cpu, u8 *code, const struct trap_case *trap)
{
	struct machine_fault fault;
	int err = try_on(cpu, call_with_bad_address, code, &fault);

	if (err == -ERR_FAULT && fault.vector == trap->vector && fault.cpu == cpu &&
	    fault.ip == (u64)code && fault.nr_bytes >= trap->len &&
	    !memcmp(fault.bytes, trap->code, trap->len))
		return;
	run->violations++;
	bench_fail(run, -ERR_VERIFY, "cpu %u: wanted vector %u, got %u", cpu, trap->vector,
		   fault.vector);
}

static int trap_sample(struct bench_run *run, u64 *values)
{
	struct target *target = run->priv;
	const struct trap_case *trap = run->bench->param;
	const u8 ret = RET_INSN_OPCODE;

	text_poke_copy(target->text, trap->code, trap->len);
	text_poke_copy(target->text + trap->len, &ret, 1);
	smp_text_poke_sync_each_cpu();
	for (u32 cpu = 0; cpu < machine_nr_cpus(); cpu++) {
		expect_trap(run, cpu, target->text, trap);
		expect_success(run, cpu, call_code, target->text + trap->len, "a RET in text");
	}
	values[0] = machine_nr_cpus();
	return 0;
}

/* ---- Lock prefixes go to UP form and back, byte for byte, and every entry is counted ---- */

#define LOCK_TABLE_OPS 63

static int lock_table_setup(struct bench_run *run)
{
	struct region *region = machine_alloc(sizeof(*region));
	int err;

	if (!region)
		return bench_fail(run, -ERR_NOMEM, "no memory for the bench");
	run->priv = region;
	run->cpus = 1;
	run->sites = LOCK_TABLE_OPS;
	err = region_build_rmw(region, ASM_RMW_XADD, true, REGION_LINES, LOCK_TABLE_OPS);
	return err ? bench_fail(run, err, "%s", region_why()) : 0;
}

/*
 * To UP form and back. The odd entries planted are a zero, one out of range, one not a LOCK byte.
 */
static int round_trip(struct bench_run *run, struct region *region, enum smp_up_form form)
{
	u64 before = region_hash(region);
	struct smp_locks_result up, smp;
	int err;

	text_mutex_lock();
	err = region_locks_switch(region, false, form, &up);
	if (!err && region_hash(region) == before)
		err = -ERR_VERIFY;
	if (!err)
		err = region_locks_switch(region, true, form, &smp);
	text_mutex_unlock();
	if (err)
		return bench_fail(run, err, "switching to %x and back failed", form);
	if (region_hash(region) != before || up.nr_changed != smp.nr_changed ||
	    up.nr_changed != LOCK_TABLE_OPS - 3 || up.nr_zero != 1 || up.nr_out_of_range != 1 ||
	    up.nr_unexpected != 1) {
		run->violations++;
		bench_fail(run, -ERR_VERIFY, "round trip through %x: bytes or counts differ", form);
	}
	return 0;
}

static int lock_table_sample(struct bench_run *run, u64 *values)
{
	struct region *region = run->priv;
	s32 kept[3];
	int err;

	memcpy(kept, region->locks, sizeof(kept));
	region->locks[0] = 0;
	region->locks[1] += 1 << 20;
	region->locks[2] += 1;
	err = round_trip(run, region, SMP_UP_DS);
	if (!err)
		err = round_trip(run, region, SMP_UP_NOP);
	memcpy(region->locks, kept, sizeof(kept));
	values[0] = LOCK_TABLE_OPS;
	return err;
}

/* ---- What the program gave away is out of reach ---- */

static int freed_page_setup(struct bench_run *run)
{
	run->cpus = machine_nr_cpus();
	if (image_patched()->freed)
		return 0;
	return bench_fail(run, -ERR_UNSUPPORTED, "needs tables_freed");
}

static int freed_page_sample(struct bench_run *run, u64 *values)
{
	u8 *freed = (u8 *)image_patched()->freed;
	u8 *last = (u8 *)image_patched()->freed_end - 1;

	for (u32 cpu = 0; cpu < run->cpus; cpu++) {
		expect_success(run, cpu, load_byte, freed - 1, "a load from the page before");
		expect_page_fault(run, cpu, load_byte, freed, "a load from a freed page");
		expect_page_fault(run, cpu, load_byte, last, "a load from a freed page");
		expect_page_fault(run, cpu, store_byte, freed, "a store to a freed page");
	}
	values[0] = 3 * run->cpus;
	return 0;
}

#define TRAP_BENCH(title, trap)                                                                    \
	{                                                                                          \
		.name = (title), .series = probe_series, .nr_series = 1, .param = &(trap),         \
		.setup = target_setup, .sample = trap_sample, .teardown = target_teardown,         \
	}

#define PROBE_BENCH(title, caps, cpus, prefix, begin, end)                                         \
	{                                                                                          \
		.name = (title), .series = probe_series, .nr_series = 1, .needs_caps = (caps),     \
		.min_cpus = (cpus), .setup = (begin), .sample = prefix##_sample,                   \
		.teardown = (end),                                                                 \
	}

static const struct bench check_benches[] = {
	PROBE_BENCH("wx-store", 0, 1, wx, target_setup, target_teardown),
	PROBE_BENCH("alias-closed", 0, 1, alias_closed, target_setup, target_teardown),
	PROBE_BENCH("alias-other-cpu", MACHINE_CAP_SMP | MACHINE_CAP_ALIAS_PRIVATE, 2, alias_other,
		    target_setup, target_teardown),
	PROBE_BENCH("irq-held-back", MACHINE_CAP_SMP | MACHINE_CAP_IRQ_OFF, 2, flood_held_back,
		    flood_setup, flood_teardown),
	PROBE_BENCH("irq-early", MACHINE_CAP_SMP | MACHINE_CAP_IRQ_OFF, 2, flood_early, flood_setup,
		    flood_teardown),
	PROBE_BENCH("foreign-int3", 0, 1, foreign, target_setup, target_teardown),
	TRAP_BENCH("trap-ud", bad_opcode),
	TRAP_BENCH("trap-gp", bad_address),
	PROBE_BENCH("refused", 0, 1, refused, refused_setup, target_teardown),
	PROBE_BENCH("freed-page", 0, 1, freed_page, freed_page_setup, NULL),
	PROBE_BENCH("lock-table", 0, 1, lock_table, lock_table_setup, region_run_teardown),
};

const struct suite suite_check = {
	.name = "check",
	.question = "does this machine keep its promises, in this boot?",
	.benches = check_benches,
	.nr_benches = ARRAY_SIZE(check_benches),
};
