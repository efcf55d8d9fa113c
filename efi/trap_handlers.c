/* SPDX-License-Identifier: MIT */
/*
 * Traps: the breakpoint hook, faults that end a procedure, and interrupts nobody expected.
 */
#include "machine.h"
#include "machine_text.h"

#include "apic.h"
#include "atomic.h"
#include "catch.h"
#include "fatal.h"
#include "firmware.h"
#include "machine_check.h"
#include "mem.h"
#include "percpu.h"
#include "x86.h"

#define NR_EXCEPTIONS 32
#define INT3_BYTES 1
#define VECTOR_SPURIOUS_OVMF 0x0F

static text_bp_hook bp_hook;

/* Called by vectors.S. */
void trap_breakpoint(struct trap_regs *regs);
void trap_handle(struct trap_regs *regs);
void wake_interrupt(void);

text_bp_hook text_set_bp_hook(text_bp_hook hook)
{
	text_bp_hook before = bp_hook;

	/* R-hook: what the hook needs is there before it is called. Pairs with A-hook below. */
	store_release(&bp_hook, hook);
	return before;
}

/* The address of an instruction fetch may itself be unreadable; then fewer bytes are reported. */
static void copy_code(void *arg)
{
	struct machine_fault *fault = arg;

	while (fault->nr_bytes < sizeof(fault->bytes)) {
		fault->bytes[fault->nr_bytes] = *(const volatile u8 *)(fault->ip + fault->nr_bytes);
		fault->nr_bytes++;
	}
}

static void find_name(void *arg)
{
	struct machine_fault *fault = arg;

	module_name_at((const void *)fault->ip, &fault->module, &fault->offset);
}

/* Now, before the module can be taken away. Should the list be what is broken, there is none. */
static void name_place(struct machine_fault *fault)
{
	struct percpu *pc = this_percpu();

	if (pc->naming)
		return;
	pc->naming = true;
	machine_probe(find_name, fault, NULL);
	pc->naming = false;
}

static struct machine_fault describe(const struct trap_regs *regs)
{
	struct machine_fault fault = {
		.vector = (u32)regs->vector,
		.cpu = this_percpu()->cpu,
		.ip = regs->ip,
		.error_code = regs->error_code,
		.regs = *regs,
	};

	if (regs->vector == TRAP_PF)
		fault.addr = read_cr2();
	if (regs->vector == TRAP_MC)
		fault.addr = this_percpu()->bank_status;
	if (regs->vector == TRAP_BP)
		fault.ip -= INT3_BYTES;
	machine_probe(copy_code, &fault, NULL);
	name_place(&fault);
	return fault;
}

/* Let the interrupted context go on where its machine_probe() was called. */
static void unwind(struct trap_regs *regs, const struct catch_frame *frame)
{
	regs->bx = frame->bx;
	regs->bp = frame->bp;
	regs->r12 = frame->r12;
	regs->r13 = frame->r13;
	regs->r14 = frame->r14;
	regs->r15 = frame->r15;
	regs->sp = frame->sp;
	regs->flags = frame->flags;
	regs->ip = (u64)catch_landing;
}

/* Into the frame's own place: an NMI that probes may come before the report is read. */
static void report(const struct catch_frame *frame, const struct machine_fault *fault)
{
	if (frame->ret_fault)
		*frame->ret_fault = *fault;
}

/*
 * After a double fault the interrupted context is not to be trusted (SDM vol. 3, table 6-1). A
 * machine check does not go back to it; the banks say whether the CPU itself is. Firmware cannot be
 * left in the middle of what it was doing.
 */
static bool is_catchable(u64 vector, enum machine_check check)
{
	if (vector == TRAP_MC)
		return check == MC_CONTAINED &&
		       (this_percpu() != &boot_percpu || !firmware_is_in());
	return vector != TRAP_DF;
}

static void trap_end_procedure(struct trap_regs *regs)
{
	struct percpu *pc = this_percpu();
	enum machine_check check = MC_ELSEWHERE;
	struct machine_fault fault;

	if (regs->vector == TRAP_MC) {
		check = machine_check_take(&pc->bank_status);
		if (check == MC_ELSEWHERE)
			return;
	}
	if (pc->catch && is_catchable(regs->vector, check)) {
		fault = describe(regs);
		report(pc->catch, &fault);
		unwind(regs, pc->catch);
		return;
	}
	if (pc->fatal)
		fatal_again();
	pc->fatal = true;
	pc->fault = describe(regs);
	fatal_trap(&pc->fault, regs);
}

/* The boot CPU gave up on this one: leave the procedure, whatever it is doing. */
static void trap_abort(struct trap_regs *regs)
{
	struct percpu *pc = this_percpu();
	struct catch_frame *frame = pc->catch;
	struct machine_fault fault = {
		.vector = VECTOR_ABORT, .cpu = pc->cpu, .ip = regs->ip, .regs = *regs
	};

	apic_eoi(pc);
	if (!frame)
		return;
	while (frame->outer)
		frame = frame->outer;
	report(frame, &fault);
	unwind(regs, frame);
}

static void trap_unexpected_interrupt(struct trap_regs *regs)
{
	struct percpu *pc = this_percpu();

	pc->nr_unexpected_irqs++;
	/* A spurious interrupt is not in service, and an EOI for it would end somebody else's. */
	if (apic_vector_in(pc, APIC_ISR, (u32)regs->vector))
		apic_eoi(pc);
}

void trap_handle(struct trap_regs *regs)
{
	if (regs->vector == VECTOR_ABORT)
		trap_abort(regs);
	else if (regs->vector >= NR_EXCEPTIONS || regs->vector == VECTOR_SPURIOUS_OVMF)
		trap_unexpected_interrupt(regs);
	else
		trap_end_procedure(regs);
}

noinstr void trap_breakpoint(struct trap_regs *regs)
{
	/* A-hook: pairs with R-hook in text_set_bp_hook(). */
	text_bp_hook hook = load_acquire(&bp_hook);

	if (hook && hook(regs))
		return;
	trap_end_procedure(regs);
}

/* The interrupt has done its work by ending the HLT. */
noinstr void wake_interrupt(void)
{
	apic_eoi(this_percpu());
}

int machine_probe(cpu_fn fn, void *arg, struct machine_fault *ret_fault)
{
	struct percpu *pc = this_percpu();
	struct catch_frame frame = {
		.outer = pc->catch,
		.ret_fault = ret_fault,
		.alias_open = pc->alias_open,
	};
	int trapped;

	pc->catch = &frame;
	trapped = catch_call(&frame, fn, arg);
	pc->catch = frame.outer;
	if (!trapped)
		return 0;
	/* A procedure that opened the alias and trapped would leave all text writable. */
	if (pc->alias_open && !frame.alias_open)
		text_alias_close();
	return -ERR_FAULT;
}
