/* SPDX-License-Identifier: MIT */
#include "sim_stores.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#define EFLAGS_TRAP 0x100

static struct {
	u8 *mem;
	size_t bytes, offset; /* of the store under way */
	void (*seen)(size_t offset);
} watch;

static void protect(int rights)
{
	if (!mprotect(watch.mem, watch.bytes, rights))
		return;
	perror("sim stores: mprotect");
	abort();
}

static void on_store(int signal, siginfo_t *info, void *context)
{
	ucontext_t *user = context;
	u8 *addr = info->si_addr;

	(void)signal;
	if (!watch.mem || addr < watch.mem || addr >= watch.mem + watch.bytes) {
		fprintf(stderr, "sim stores: a fault at %p is none of ours\n", (void *)addr);
		abort();
	}
	watch.offset = (size_t)(addr - watch.mem);
	protect(PROT_READ | PROT_WRITE);
	user->uc_mcontext.gregs[REG_EFL] |= EFLAGS_TRAP;
}

static void on_step(int signal, siginfo_t *info, void *context)
{
	ucontext_t *user = context;

	(void)signal;
	(void)info;
	user->uc_mcontext.gregs[REG_EFL] &= ~EFLAGS_TRAP;
	protect(PROT_READ);
	watch.seen(watch.offset);
}

void sim_stores_watch(u8 *mem, size_t bytes, void (*seen)(size_t offset))
{
	struct sigaction store = { .sa_sigaction = on_store, .sa_flags = SA_SIGINFO };
	struct sigaction step = { .sa_sigaction = on_step, .sa_flags = SA_SIGINFO };

	watch.mem = mem;
	watch.bytes = bytes;
	watch.seen = seen;
	if (sigaction(SIGSEGV, &store, NULL) || sigaction(SIGTRAP, &step, NULL)) {
		perror("sim stores: sigaction");
		abort();
	}
	protect(PROT_READ);
}

void sim_stores_unwatch(void)
{
	if (!watch.mem)
		return;
	protect(PROT_READ | PROT_WRITE);
	watch.mem = NULL;
}
