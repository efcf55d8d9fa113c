/* SPDX-License-Identifier: MIT */
/*
 * Is text that is being written out of reach of the interrupts of the CPU that writes it?
 *
 * CPU 1 sends the boot CPU the next interrupt as soon as the last one was taken, so that one is
 * nearly always on its way. None may be taken while the alias is open: its procedure would run with
 * text writable (Linux 58f8ffa91766). And the one that comes right behind a write must run the new
 * text, whole, although nobody else has serialised for it (Linux 3ea1704a9296).
 */
#include "flood.h"

#include "atomic.h"
#include "machine.h"
#include "machine_text.h"
#include "mem.h"
#include "text_patching.h"
#include "x86.h"

#define FLOOD_CPU 1
#define NR_ROUNDS 8 /* in one sample */
#define EXPOSED_NS (20 * 1000ul)
#define DEADLINE_NS (10 * NSEC_PER_SEC)

/* Two functions that return different numbers, with no byte of these in common. */
#define MOV_EAX 0xB8
#define CODE_BYTES 6
static const u8 codes[2][CODE_BYTES] = {
	{ MOV_EAX, 0x11, 0x22, 0x33, 0x44, RET_INSN_OPCODE },
	{ MOV_EAX, 0x99, 0xAA, 0xBB, 0x55, RET_INSN_OPCODE },
};

/* Nothing is passed with the counts but whose turn it is, so none of them orders anything. */
struct flood {
	u8 *text;
	u32 stop, nr_sent; /* nr_sent: by CPU 1 */
	u32 nr_taken; /* the rest: by interrupts of the boot CPU */
	u32 alias_is_open, nr_while_open, nr_wrong;
};

/* ---- On the boot CPU, in the interrupt ---- */

/* It returns the number behind its first byte: one of the two, and the one that is there now. */
static bool runs_what_memory_holds(const struct flood *f)
{
	u32 number = ((u32(*)(void))f->text)();

	if (memcmp(&number, codes[0] + 1, sizeof(number)) &&
	    memcmp(&number, codes[1] + 1, sizeof(number)))
		return false;
	return number == *(const volatile u32 *)(f->text + 1);
}

static void take_interrupt(void *arg)
{
	struct flood *f = arg;

	if (load_relaxed(&f->alias_is_open))
		f->nr_while_open++;
	else if (!runs_what_memory_holds(f))
		f->nr_wrong++;
	store_relaxed(&f->nr_taken, f->nr_taken + 1);
}

/* ---- On CPU 1 ---- */

static void send_interrupts(void *arg)
{
	struct flood *f = arg;

	while (!load_relaxed(&f->stop)) {
		/* One at a time, or the boot CPU would do nothing else. */
		if (load_relaxed(&f->nr_taken) != f->nr_sent) {
			cpu_relax();
			continue;
		}
		store_relaxed(&f->nr_sent, f->nr_sent + 1);
		if (machine_interrupt(0, MACHINE_INTERRUPT_FIXED))
			return;
	}
}

/* ---- The bench ---- */

int flood_setup(struct bench_run *run)
{
	struct flood *f = machine_alloc(sizeof(*f));
	int err;

	if (!f)
		return bench_fail(run, -ERR_NOMEM, "no memory for the bench");
	run->priv = f;
	run->cpus = machine_nr_cpus();
	f->text = text_alloc(PAGE_BYTES, PAGE_BYTES);
	if (!f->text)
		return bench_fail(run, -ERR_NOMEM, "no memory for the code");
	err = text_poke_copy(f->text, codes[0], CODE_BYTES);
	if (!err)
		err = smp_text_poke_sync_each_cpu();
	return err ? bench_fail(run, err, "could not write the code") : 0;
}

void flood_teardown(struct bench_run *run)
{
	struct flood *f = run->priv;

	if (!f)
		return;
	if (f->text)
		text_free(f->text, PAGE_BYTES);
	machine_free(f, sizeof(*f));
}

/* Return: false when no interrupt was taken before the deadline. */
static bool wait_for_another(const struct flood *f)
{
	u64 deadline = rdtsc() + machine_ticks(DEADLINE_NS);
	u32 before = load_relaxed(&f->nr_taken);

	while (load_relaxed(&f->nr_taken) == before) {
		if (rdtsc() > deadline)
			return false;
		cpu_relax();
	}
	return true;
}

static int start_flood(struct bench_run *run, struct flood *f)
{
	int err;

	f->stop = f->nr_sent = f->nr_taken = 0;
	if (machine_on_interrupt(take_interrupt, f))
		return bench_fail(run, -ERR_UNSUPPORTED, "CPUs cannot interrupt each other here");
	err = machine_cpu_start(FLOOD_CPU, send_interrupts, f);
	return err ? bench_fail(run, err, "cpu %u did not start", FLOOD_CPU) : 0;
}

/* The procedure stays until CPU 1 is home: one interrupt may still be on its way. */
static int stop_flood(struct bench_run *run, struct flood *f)
{
	u64 deadline = rdtsc() + machine_ticks(DEADLINE_NS);
	int err;

	store_relaxed(&f->stop, 1);
	err = machine_cpu_wait(FLOOD_CPU, DEADLINE_NS, NULL);
	while (!err && load_relaxed(&f->nr_taken) != load_relaxed(&f->nr_sent)) {
		if (rdtsc() > deadline)
			err = -ERR_TIMEOUT;
		cpu_relax();
	}
	machine_on_interrupt(NULL, NULL);
	return err ? bench_fail(run, err, "cpu %u or its last interrupt was lost", FLOOD_CPU) : 0;
}

static void note_violations(struct bench_run *run, struct flood *f)
{
	if (f->nr_while_open || f->nr_wrong)
		bench_fail(run, -ERR_VERIFY,
			   "%u interrupts with the alias open, %u ran what memory did not hold",
			   f->nr_while_open, f->nr_wrong);
	run->violations += f->nr_while_open + f->nr_wrong;
	f->nr_while_open = f->nr_wrong = 0;
}

static int flood_sample(struct bench_run *run, u64 *values,
			int (*one_round)(struct bench_run *run, struct flood *f, u32 round))
{
	struct flood *f = run->priv;
	int err = start_flood(run, f), stop_err;

	if (err)
		return err;
	for (u32 round = 0; round < NR_ROUNDS && !err; round++) {
		err = one_round(run, f, round);
		/* Also the control: interrupts do come. */
		if (!err && !wait_for_another(f))
			err = bench_fail(run, -ERR_TIMEOUT, "no interrupt came any more");
	}
	stop_err = stop_flood(run, f);
	note_violations(run, f);
	values[0] = f->nr_taken;
	return err ? err : stop_err;
}

/* Until an interrupt is on its way, and then for as long as one needs that is not held back. */
static void be_exposed(const struct flood *f)
{
	u64 deadline = rdtsc() + machine_ticks(DEADLINE_NS), end;

	while (load_relaxed(&f->nr_sent) == load_relaxed(&f->nr_taken) && rdtsc() < deadline)
		cpu_relax();
	end = rdtsc() + machine_ticks(EXPOSED_NS);
	while (rdtsc() < end)
		cpu_relax();
}

static int open_round(struct bench_run *run, struct flood *f, u32 round)
{
	ptrdiff_t delta;
	bool held_back = false;
	int err;

	(void)round;
	text_mutex_lock();
	err = text_alias_open(&delta);
	if (!err) {
		store_relaxed(&f->alias_is_open, 1);
		held_back = machine_irqs_off();
		be_exposed(f);
		store_relaxed(&f->alias_is_open, 0);
		text_alias_close();
	}
	text_mutex_unlock();
	if (err)
		return bench_fail(run, err, "the alias did not open");
	if (held_back && !machine_irqs_off())
		return 0;
	run->violations++;
	return bench_fail(run, -ERR_VERIFY,
			  "interrupts are on while the alias is open, or stay off");
}

static int early_round(struct bench_run *run, struct flood *f, u32 round)
{
	int err;

	text_mutex_lock();
	err = text_poke_early(f->text, codes[(round + 1) % 2], CODE_BYTES);
	text_mutex_unlock();
	if (err)
		return bench_fail(run, err, "the code was not written");
	if (runs_what_memory_holds(f))
		return 0;
	run->violations++;
	return bench_fail(run, -ERR_VERIFY, "this CPU ran what memory did not hold");
}

int flood_held_back_sample(struct bench_run *run, u64 *values)
{
	return flood_sample(run, values, open_round);
}

int flood_early_sample(struct bench_run *run, u64 *values)
{
	return flood_sample(run, values, early_round);
}
