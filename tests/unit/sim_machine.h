/* SPDX-License-Identifier: MIT */
/*
 * A machine for unit tests of core/: one thread, and every step of a batch on record.
 *
 * Text is a plain buffer and the alias another one. What is stored through the alias reaches the
 * text at the next sync or at the close, and at each of these, and at the open, the whole text is
 * kept as an event. So a test can say of each byte in which phase of the protocol it was written;
 * and one that asks for it is shown every single store.
 *
 * Broken promises end the program: a closed alias is poisoned for ASan, and a store that reached
 * the text by another way than the alias is found at the next event. A program that ends without
 * its summary counts as failed.
 */
#ifndef SMPOKE_TESTS_SIM_MACHINE_H
#define SMPOKE_TESTS_SIM_MACHINE_H

#include "machine.h"
#include "machine_text.h"

/* Less for the fuzz targets, which look at all of it again and again. */
#ifndef SIM_TEXT_BYTES
#define SIM_TEXT_BYTES (260 * 64)
#endif
#define SIM_NR_CPUS 4
#ifndef SIM_MAX_EVENTS
#define SIM_MAX_EVENTS 32
#endif

enum sim_event_kind {
	SIM_OPEN,
	SIM_SYNC,
	SIM_CLOSE,
};

struct sim_event {
	enum sim_event_kind kind;
	u8 text[SIM_TEXT_BYTES]; /* as every CPU could see it at that moment */
};

struct sim {
	u32 caps;
	u32 nr_present; /* as machine_nr_cpus_present() says */
	u32 nr_cpus; /* as machine_nr_cpus() says */
	u32 offline; /* bit mask */
	int move_error; /* of the next machine_cpu_offline() or _online() */
	/* Called when a CPU has gone or is about to come. */
	void (*at_move)(u32 cpu, bool out);
	u32 dead_cpus; /* bit mask */
	bool irqs_off;
	bool alias_is_open;
	u32 fail_sync; /* 1 = the next sync times out, 2 = the one after it; 0 = none */
	bool fail_open;
	u64 ticks_divisor; /* makes deadlines of core that much shorter */
	text_bp_hook hook;
	/* Called at each event, after it was recorded: the moment to be another CPU. */
	void (*at_event)(enum sim_event_kind kind, u32 nr_of_kind);
	/* Called at the end of a sync: the moment by which every other CPU has serialised. */
	void (*at_serialise)(void);
	/* Called after each store through the alias; @text is what it can make visible. */
	void (*at_store)(const u8 *text, size_t offset);
	u32 nr_events, nr_of_kind[3];
	struct sim_event events[SIM_MAX_EVENTS];
};

extern struct sim sim;
extern __thread u32 sim_this_cpu;

/* Text and alias, and behind each what is poisoned always: ASan guards nothing so well aligned. */
struct sim_memory {
	u8 text[SIM_TEXT_BYTES] __attribute__((aligned(4096)));
	u8 behind_text[64];
	u8 alias[SIM_TEXT_BYTES] __attribute__((aligned(4096)));
	u8 behind_alias[64];
};

extern struct sim_memory sim_memory;
#define sim_text sim_memory.text

/* sim_reset() - all INT3, nothing recorded, core's engine ready; between tests */
void sim_reset(void);

/* sim_put() - code at an offset, as if it had always been there */
u8 *sim_put(size_t offset, const void *bytes, size_t len);

/* sim_forget() - drop the events so far */
void sim_forget(void);

/* sim_hash() - of the whole text: equal before and after means that nothing was written */
u64 sim_hash(void);

/* sim_text_at() - the text at the nth event of a kind, from 0; NULL when there was none */
const u8 *sim_text_at(enum sim_event_kind kind, u32 nth);

/* sim_order() - the kinds of all events as letters: "OSSSC" is open, three syncs, close */
const char *sim_order(void);

/**
 * sim_gate() - a stack whose next push traps into @inside
 *
 * For code that emulates a CALL: @inside runs in the very middle of the #BP handler, with the
 * reference held, and the handler goes on when it returns. Good for one push.
 * Return: the stack pointer to use.
 */
u64 sim_gate(void (*inside)(void));

/* sim_trap() - CPU @cpu meets the INT3 at @addr with @regs. Return: what the hook says. */
bool sim_trap(u32 cpu, const u8 *addr, struct trap_regs *regs);

#endif
