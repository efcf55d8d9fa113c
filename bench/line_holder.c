/* SPDX-License-Identifier: MIT */
#include "line_holder.h"

#include "atomic.h"
#include "machine.h"
#include "x86.h"

#define HOLDER_CPU 1
#define DEADLINE_NS (10 * NSEC_PER_SEC)
#define STOP (~0ull)

/* Each line is written with what it holds. */
static void write_lines(const struct line_holder *holder)
{
	for (size_t i = 0; i < holder->bytes; i += CACHE_LINE_BYTES) {
		volatile u64 *word = (volatile u64 *)(holder->lines + i);

		*word = *word;
	}
}

static void hold(void *arg)
{
	struct line_holder *holder = arg;
	u64 asked;

	/* A-ask: pairs with R-ask. */
	while ((asked = load_acquire(&holder->asked)) != STOP) {
		if (asked == holder->held) {
			cpu_relax();
			continue;
		}
		write_lines(holder);
		/* What is still in the store buffer would not be held yet. */
		mfence();
		/* R-held: the lines were written. Pairs with A-held. */
		store_release(&holder->held, asked);
	}
}

int line_holder_start(struct line_holder *holder)
{
	return machine_cpu_start(HOLDER_CPU, hold, holder);
}

int line_holder_take(struct line_holder *holder)
{
	u64 deadline = rdtsc() + machine_ticks(DEADLINE_NS);
	u64 request = holder->asked + 1;

	/* R-ask: this CPU has done with the lines. Pairs with A-ask. */
	store_release(&holder->asked, request);
	/* A-held: pairs with R-held. */
	while (load_acquire(&holder->held) != request) {
		if (rdtsc() > deadline)
			return -ERR_TIMEOUT;
		cpu_relax();
	}
	return 0;
}

int line_holder_stop(struct line_holder *holder)
{
	int err;

	/* R-ask: nothing is passed with it. Pairs with A-ask. */
	store_release(&holder->asked, STOP);
	err = machine_cpu_wait(HOLDER_CPU, DEADLINE_NS, NULL);
	/* -ERR_INVAL: it was never started. */
	return err == -ERR_INVAL ? 0 : err;
}
