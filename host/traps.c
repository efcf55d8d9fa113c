/* SPDX-License-Identifier: MIT */
/*
 * Traps are signals: #BP goes to its hook, everything else ends the innermost probe.
 *
 * Every handler is installed with SA_NODEFER and an empty mask. So a handler runs under the mask of
 * the code it interrupted, leaving it by siglongjmp() needs no mask restored (and no system call on
 * entry to a probe to save one), and a trap inside the hook is a trap like any other instead of
 * the kernel's sudden end of the process.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "atomic.h"
#include "host.h"

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif
#define FAULT_STACK_BYTES (32 * 1024ul)

struct catch_frame {
	sigjmp_buf landing;
	struct catch_frame *outer;
	struct machine_fault *ret_fault;
	struct machine_fault fault;
	bool alias_was_open;
};

static text_bp_hook bp_hook;

/* "0x" and 16 digits, because nothing of stdio may be called in a handler. */
static char *put_hex(char *to, u64 value)
{
	*to++ = '0';
	*to++ = 'x';
	for (int shift = 60; shift >= 0; shift -= 4)
		*to++ = "0123456789abcdef"[value >> shift & 15];
	return to;
}

static char *put_text(char *to, const char *text)
{
	size_t len = strlen(text);

	memcpy(to, text, len);
	return to + len;
}

static void __attribute__((noreturn)) die_of_fault(const struct machine_fault *fault)
{
	char line[256], *to = line;

	to = put_text(to, "a trap outside of every procedure: vector ");
	to = put_hex(to, fault->vector);
	to = put_text(to, ", CPU ");
	to = put_hex(to, fault->cpu);
	to = put_text(to, ",\n  at ");
	to = put_hex(to, fault->ip);
	if (fault->module.text[0]) {
		to = put_text(put_text(to, " = "), fault->module.text);
		to = put_hex(put_text(to, "+"), fault->offset);
	}
	to = put_text(to, ", address ");
	to = put_hex(to, fault->addr);
	to = put_text(to, ", error code ");
	to = put_hex(to, fault->error_code);
	*to = 0;
	host_die(line);
}

static noinstr void regs_from_context(struct trap_regs *regs, const greg_t *g)
{
	u64 selectors = (u64)g[REG_CSGSFS]; /* CS, GS, FS, SS: 16 bits each, from the lowest */

	*regs = (struct trap_regs){
		.r15 = (u64)g[REG_R15],
		.r14 = (u64)g[REG_R14],
		.r13 = (u64)g[REG_R13],
		.r12 = (u64)g[REG_R12],
		.bp = (u64)g[REG_RBP],
		.bx = (u64)g[REG_RBX],
		.r11 = (u64)g[REG_R11],
		.r10 = (u64)g[REG_R10],
		.r9 = (u64)g[REG_R9],
		.r8 = (u64)g[REG_R8],
		.ax = (u64)g[REG_RAX],
		.cx = (u64)g[REG_RCX],
		.dx = (u64)g[REG_RDX],
		.si = (u64)g[REG_RSI],
		.di = (u64)g[REG_RDI],
		.vector = (u64)g[REG_TRAPNO],
		.error_code = (u64)g[REG_ERR],
		.ip = (u64)g[REG_RIP],
		.cs = selectors & 0xffff,
		.flags = (u64)g[REG_EFL],
		.sp = (u64)g[REG_RSP],
		.ss = selectors >> 48,
	};
}

/* Now, before the module can be taken away. Should the list be what is broken, there is none. */
static void name_place(struct machine_fault *fault)
{
	if (host_thread.naming)
		return;
	host_thread.naming = true;
	module_name_at((const void *)fault->ip, &fault->module, &fault->offset);
	host_thread.naming = false;
}

/* Ends the innermost probe of this thread. The trap is never returned from. */
static void __attribute__((noreturn)) leave_by_fault(const ucontext_t *context)
{
	const greg_t *gregs = context->uc_mcontext.gregs;
	struct catch_frame *frame = host_thread.catch;
	struct machine_fault fault = {
		.vector = (u32)gregs[REG_TRAPNO],
		.cpu = host_thread.cpu,
		.ip = (u64)gregs[REG_RIP],
		.error_code = (u64)gregs[REG_ERR],
	};

	if (fault.vector == TRAP_PF)
		fault.addr = (u64)gregs[REG_CR2];
	if (fault.vector == TRAP_BP)
		fault.ip -= 1;
	regs_from_context(&fault.regs, gregs);
	name_place(&fault);
	if (!frame)
		die_of_fault(&fault);
	host_thread.catch = frame->outer;
	frame->fault = fault;
	siglongjmp(frame->landing, 1);
}

/* Positive codes come from the kernel; the others are somebody's kill(), and no trap of ours. */
static noinstr void require_trap(const siginfo_t *info)
{
	if (info->si_code <= 0)
		host_die("ended by a fault signal that another process or thread sent");
}

static void on_fault(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	require_trap(info);
	leave_by_fault(context);
}

/* Selectors stay: a hook has no reason to change them, and a wrong one would kill the process. */
static noinstr void regs_to_context(greg_t *g, const struct trap_regs *regs)
{
	g[REG_R15] = (greg_t)regs->r15;
	g[REG_R14] = (greg_t)regs->r14;
	g[REG_R13] = (greg_t)regs->r13;
	g[REG_R12] = (greg_t)regs->r12;
	g[REG_RBP] = (greg_t)regs->bp;
	g[REG_RBX] = (greg_t)regs->bx;
	g[REG_R11] = (greg_t)regs->r11;
	g[REG_R10] = (greg_t)regs->r10;
	g[REG_R9] = (greg_t)regs->r9;
	g[REG_R8] = (greg_t)regs->r8;
	g[REG_RAX] = (greg_t)regs->ax;
	g[REG_RCX] = (greg_t)regs->cx;
	g[REG_RDX] = (greg_t)regs->dx;
	g[REG_RSI] = (greg_t)regs->si;
	g[REG_RDI] = (greg_t)regs->di;
	g[REG_RIP] = (greg_t)regs->ip;
	g[REG_EFL] = (greg_t)regs->flags;
	g[REG_RSP] = (greg_t)regs->sp;
}

/*
 * The kernel puts the signal frame at least 128 bytes below the interrupted stack pointer (the
 * ABI's red zone), so the word at [sp - 8] is free for the return address of an emulated CALL.
 */
static noinstr void on_trap(int signal, siginfo_t *info, void *context)
{
	greg_t *gregs = ((ucontext_t *)context)->uc_mcontext.gregs;
	struct trap_regs regs;
	text_bp_hook hook;

	(void)signal;
	require_trap(info);
	/* A-hook: pairs with R-hook; what the hook reads was set up before. */
	hook = load_acquire(&bp_hook);
	if (gregs[REG_TRAPNO] != TRAP_BP || !hook)
		leave_by_fault(context);
	regs_from_context(&regs, gregs);
	if (!hook(&regs))
		leave_by_fault(context);
	regs_to_context(gregs, &regs);
}

text_bp_hook text_set_bp_hook(text_bp_hook hook)
{
	text_bp_hook before = bp_hook;

	/* R-hook: what the hook needs is there before it is called. Pairs with A-hook. */
	store_release(&bp_hook, hook);
	return before;
}

struct bytes_copy {
	const volatile u8 *from;
	struct machine_fault *fault;
};

/* Byte by byte, so that a fault at a page's end keeps those before it. */
static __attribute__((no_sanitize("address"))) void copy_bytes(void *arg)
{
	const struct bytes_copy *copy = arg;
	struct machine_fault *fault = copy->fault;

	for (fault->nr_bytes = 0; fault->nr_bytes < sizeof(fault->bytes); fault->nr_bytes++)
		fault->bytes[fault->nr_bytes] = copy->from[fault->nr_bytes];
}

/* Second half of a fault, back on the probe's own stack. The nested probe wants no bytes itself. */
static int land(struct catch_frame *frame)
{
	struct bytes_copy copy = {
		.from = (const volatile u8 *)frame->fault.ip,
		.fault = &frame->fault,
	};

	/*
	 * The handler ran with the kernel's default rights, and sigreturn will not put ours back.
	 */
	alias_restore(frame->alias_was_open);
	if (frame->ret_fault) {
		machine_probe(copy_bytes, &copy, NULL);
		*frame->ret_fault = frame->fault;
	}
	return -ERR_FAULT;
}

int machine_probe(cpu_fn fn, void *arg, struct machine_fault *ret_fault)
{
	struct catch_frame frame;

	frame.outer = host_thread.catch;
	frame.ret_fault = ret_fault;
	frame.alias_was_open = host_thread.alias_open;
	if (sigsetjmp(frame.landing, 0))
		return land(&frame);
	host_thread.catch = &frame;
	fn(arg);
	host_thread.catch = frame.outer;
	return 0;
}

static size_t fault_stack_bytes(void)
{
	return round_up(FAULT_STACK_BYTES + getauxval(AT_MINSIGSTKSZ), PAGE_BYTES);
}

/*
 * Faults get a stack of their own, because the one in use may be what is broken. A sanitizer that
 * has set one up for the thread keeps it: it also takes it down at the end of the thread.
 */
int traps_setup_thread(void)
{
	stack_t stack;

	if (!sigaltstack(NULL, &stack) && !(stack.ss_flags & SS_DISABLE))
		return 0;
	stack = (stack_t){ .ss_sp = machine_alloc(fault_stack_bytes()),
			   .ss_size = fault_stack_bytes() };
	if (!stack.ss_sp)
		return -ERR_NOMEM;
	host_thread.fault_stack = stack.ss_sp;
	return sigaltstack(&stack, NULL) ? -ERR_UNSUPPORTED : 0;
}

void traps_leave_thread(void)
{
	stack_t none = { .ss_flags = SS_DISABLE };

	if (!host_thread.fault_stack)
		return;
	sigaltstack(&none, NULL);
	machine_free(host_thread.fault_stack, fault_stack_bytes());
	host_thread.fault_stack = NULL;
}

static int take_signal(int signal, void (*handler)(int, siginfo_t *, void *), int flags)
{
	struct sigaction action = {
		.sa_sigaction = handler,
		.sa_flags = SA_SIGINFO | SA_NODEFER | flags,
	};

	sigemptyset(&action.sa_mask);
	return sigaction(signal, &action, NULL);
}

int traps_setup(const char **ret_reason)
{
	if (traps_setup_thread() || take_signal(SIGTRAP, on_trap, 0) ||
	    take_signal(SIGSEGV, on_fault, SA_ONSTACK) ||
	    take_signal(SIGBUS, on_fault, SA_ONSTACK) ||
	    take_signal(SIGILL, on_fault, SA_ONSTACK) ||
	    take_signal(SIGFPE, on_fault, SA_ONSTACK)) {
		*ret_reason = "the handlers for traps cannot be installed";
		return -ERR_UNSUPPORTED;
	}
	return 0;
}
