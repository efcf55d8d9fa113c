/* SPDX-License-Identifier: MIT */
/*
 * Patching text that other CPUs execute: the INT3 protocol (docs/protocol.md).
 *
 * Names are Linux's where the meaning is Linux's. Where Linux stops the machine on misuse, these
 * functions refuse, say why in smp_text_poke_refusal(), and write nothing.
 */
#ifndef SMPOKE_TEXT_PATCHING_H
#define SMPOKE_TEXT_PATCHING_H

#include "trap.h"
#include "types.h"

#define TEXT_POKE_MAX_OPCODE_SIZE 5
#define TEXT_POKE_ARRAY_MAX 256

#define INT3_INSN_SIZE 1
#define RET_INSN_OPCODE 0xC3
#define RET_INSN_SIZE 1
#define CALL_INSN_OPCODE 0xE8
#define CALL_INSN_SIZE 5
#define JMP32_INSN_OPCODE 0xE9
#define JMP32_INSN_SIZE 5
#define JMP8_INSN_OPCODE 0xEB
#define JMP8_INSN_SIZE 2
#define JCC8_INSN_SIZE 2
#define JCC32_INSN_SIZE 6

/*
 * One queued site. A Jcc rel32 has six bytes; its first (0F) is implied by len == 6, text[] holds
 * the other five and opcode its 70-7F twin.
 */
struct smp_text_poke_loc {
	s32 rel_addr; /* address = _stext + rel_addr */
	s32 disp; /* from address + len to the emulated target */
	u8 len;
	u8 opcode; /* what the handler emulates */
	u8 text[TEXT_POKE_MAX_OPCODE_SIZE];
	u8 old; /* first byte before the patch */
};

_Static_assert(sizeof(struct smp_text_poke_loc) == 16, "256 of them fill one page");

/* The queue: filled under text_mutex, read by the #BP handler while a reference is held. */
struct smp_text_poke_array {
	struct smp_text_poke_loc vec[TEXT_POKE_ARRAY_MAX];
	u32 nr_entries;
};

extern struct smp_text_poke_array text_poke_array;

/* The rules a site or a replacement can break. */
enum text_poke_rule {
	TEXT_POKE_RULE_NONE,
	TEXT_POKE_RULE_LENGTH, /* length 0 or over the limit for its form */
	TEXT_POKE_RULE_TEXT, /* site outside registered text */
	TEXT_POKE_RULE_BOUNDARY, /* no instruction begins there: it is in the middle of one */
	TEXT_POKE_RULE_REACH, /* site too far from _stext for an s32 */
	TEXT_POKE_RULE_SITE_DECODE, /* the bytes at the site are no instruction */
	TEXT_POKE_RULE_SITE_LENGTH, /* the instruction at the site has another length */
	TEXT_POKE_RULE_NEW_DECODE, /* the replacement is no instruction */
	TEXT_POKE_RULE_NEW_LENGTH, /* the replacement's length differs and the rest is not INT3 */
	TEXT_POKE_RULE_EMULATE, /* the form cannot be emulated and no emulate argument helps */
	TEXT_POKE_RULE_OVERLAP, /* it overlaps a site already in this batch */
	TEXT_POKE_RULE_LOCK, /* text_mutex is not held by this CPU */
	TEXT_POKE_RULE_CONTEXT, /* called from a trap, or with interrupts off */
	TEXT_POKE_RULE_STOPPED, /* an earlier sync timed out; text is left under INT3 */
	/* Of the clients' tables: static keys, static calls, the tracer. */
	TEXT_POKE_RULE_ORDER, /* a site does not lie behind the one before it in the table */
	TEXT_POKE_RULE_UNEXPECTED, /* the site holds neither its old form nor the new one */
	TEXT_POKE_RULE_TARGET, /* the target does not fit the displacement */
	NR_TEXT_POKE_RULES,
};

/* The last refusal: site, the bytes that offended, the rule. Valid until the next call. */
struct text_poke_refusal {
	enum text_poke_rule rule;
	const u8 *addr;
	u8 bytes[INT3_INSN_SIZE + 15];
	u8 nr_bytes;
};

/* Where a batch spends its time; stamps are rdtsc_ordered(), differences are TSC ticks. */
enum text_poke_stamp {
	TEXT_POKE_STAMP_BEGIN, /* smp_text_poke_batch_process() entered */
	TEXT_POKE_STAMP_OPEN, /* references taken, alias open */
	TEXT_POKE_STAMP_INT3, /* step 3: INT3 on every site */
	TEXT_POKE_STAMP_SYNC1,
	TEXT_POKE_STAMP_TAIL, /* step 4: tails written */
	TEXT_POKE_STAMP_SYNC2,
	TEXT_POKE_STAMP_HEAD, /* step 5: first bytes written */
	TEXT_POKE_STAMP_SYNC3,
	TEXT_POKE_STAMP_END, /* alias closed, references dropped */
	NR_TEXT_POKE_STAMPS,
};

/* What the last smp_text_poke_batch_process() did. Settling (TCG only) comes after END. */
struct smp_text_poke_stats {
	u64 stamp[NR_TEXT_POKE_STAMPS];
	u32 nr_sites;
	u32 nr_syncs; /* 3, 2 or 1 */
	u32 nr_settle_syncs; /* 1 where the machine has MACHINE_CAP_STALE_INT3, else 0 */
	u64 settle_ticks;
	u32 nr_ref_waits; /* CPUs whose reference was still held at step 8 */
	u64 nr_syncs_ever; /* since start, without those of settling */
	u64 nr_batches; /* since start: how often process() ran with work */
	u64 quiet_tick; /* rdtsc() at the end of it all: from then on no CPU meets an INT3 (I3) */
};

/* Traps, per CPU, since start. Written by that CPU alone. */
struct text_poke_traps {
	u64 nr_handled; /* hit a site of the running batch */
	u64 nr_stale; /* the byte was no longer INT3: emulated from memory */
	u64 nr_foreign; /* a real INT3 that is not ours */
	u64 last_tick; /* rdtsc() on the way in, of the last that was not foreign */
};

/**
 * text_poke_init() - per-CPU references and the #BP hook
 *
 * Context: boot CPU, once, before any other call here. Return: 0 or -ERR_NOMEM.
 */
int text_poke_init(void);

/**
 * text_mutex_lock() / text_mutex_unlock() - the one lock of everything that changes text
 *
 * Context: any CPU, interrupts on: a waiter that cannot be interrupted never answers the sync of
 * the owner. smp_text_poke_batch_add() and _process() refuse a caller that has them off. The wait
 * has no deadline of its own: whoever holds it waits for nothing without one, and an owner that is
 * lost is what the dead-man timer is for. Going on without the lock could only tear text.
 */
void text_mutex_lock(void);
void text_mutex_unlock(void);
bool text_mutex_held(void); /* by this CPU */

/**
 * text_poke_addr() - where an entry points
 */
static inline void *text_poke_addr(const struct smp_text_poke_loc *tpl)
{
	extern char _stext[];

	return _stext + tpl->rel_addr;
}

/**
 * text_register() - let sites in [text, text + bytes) be patched
 *
 * The code is decoded once, from its start to its end, and remembered is where instructions begin:
 * a site must be one of those. So the range is code throughout; INT3s may fill gaps. The writers
 * below keep the map right. What holds for a kernel's text and its modules' (seed 2).
 * Takes text_mutex. Context: boot CPU. Return: 0; -ERR_CORRUPT with *ret_bad (may be NULL) at the
 * bytes that are no instruction; -ERR_RANGE when the range is not text; -ERR_EXIST; -ERR_NOMEM.
 */
int text_register(const void *text, size_t bytes, const u8 **ret_bad);

/* text_unregister() - before the text is freed; nothing queued may lie in it. Unknown is fine. */
void text_unregister(const void *text);

/**
 * text_poke() - write bytes through the alias under text_mutex, verify, no cross-CPU sync
 *
 * For writes that are safe by themselves: one byte that turns a complete instruction into another,
 * or text nobody runs. The caller holds text_mutex.
 * Return: 0; -ERR_PERM without the lock; -ERR_RANGE outside text, for no bytes at all, or when it
 * touches more than two pages; -ERR_VERIFY.
 */
int text_poke(void *addr, const void *src, size_t len);

/**
 * text_poke_kgdb() - text_poke() when the lock may be held by a CPU that has been stopped
 *
 * The caller has stopped every other CPU, so nobody can be in the middle of a change; if the lock
 * is held, a batch may be under way and -ERR_BUSY is returned rather than tearing it.
 * Return: as text_poke(), or -ERR_BUSY.
 */
int text_poke_kgdb(void *addr, const void *src, size_t len);

/**
 * text_poke_copy() - write code that no CPU executes or can reach yet
 * text_poke_copy_locked() - the same with text_mutex held; @core_ok allows the image's own text
 * text_poke_set() - fill with one byte
 *
 * No protocol and no cross-CPU sync of the result; the caller syncs before first use elsewhere.
 * Written two pages at a time, because interrupts may be off meanwhile. text_poke_copy() and
 * text_poke_set() take text_mutex and refuse the image's own text.
 * Context: any CPU, interrupts on, not from a trap.
 * Return: 0; -ERR_RANGE when [addr, addr + len) is not text, or empty; -ERR_PERM for the image's
 * own text, or without the lock; -ERR_VERIFY.
 */
int text_poke_copy(void *addr, const void *src, size_t len);
int text_poke_copy_locked(void *addr, const void *src, size_t len, bool core_ok);
int text_poke_set(void *addr, u8 byte, size_t len);

/**
 * text_poke_early() - write text while no other CPU can be in it: at boot, or before it is reached
 *
 * This CPU has serialised before an interrupt can come, so a handler that runs the new text at once
 * runs it whole (Linux 3ea1704a9296). Takes no lock: either this CPU is alone, or the caller holds
 * text_mutex. Return: as text_poke(); -ERR_PERM when neither holds.
 */
int text_poke_early(void *addr, const void *src, size_t len);

/**
 * smp_text_poke_batch_add() - queue one site
 * @addr: the site; one instruction of @len bytes, nobody may jump into its tail
 * @opcode: the new bytes, @len of them; RET, JMP8 and JMP32 may be shorter if the rest is INT3
 * @emulate: what a CPU that meets the INT3 meanwhile is made to do; NULL = the new bytes
 *
 * Emulated: INT3 (stays foreign), RET, CALL, JMP8, JMP32, Jcc8, Jcc32, and the canonical NOPs.
 * Flushes first when the array is full or the last queued address is above @addr.
 * Context: any CPU, interrupts on, not from a trap; text_mutex held (checked). G1.
 * Cost: no sync, unless it flushes.
 * Return: 0; -ERR_REFUSED with smp_text_poke_refusal() set and the queue unchanged; or the error of
 * the flush, with @addr not queued.
 */
int smp_text_poke_batch_add(void *addr, const void *opcode, size_t len, const void *emulate);

/**
 * smp_text_poke_batch_process() - make every queued site live on every CPU: the engine
 *
 * Protocol: docs/protocol.md, steps 1-8. Guarantees G1-G7.
 * Context: as smp_text_poke_batch_add(). On bare metal interrupts are off on this CPU throughout.
 * Cost: at most 3 sync rounds, whatever the number of sites; none when nothing is queued.
 * Return: 0; -ERR_TIMEOUT when a CPU did not answer: every site that could be half written stays
 * under INT3 with its emulation data in force, and every later call is refused (STOPPED);
 * -ERR_VERIFY when a byte did not read back; -ERR_REFUSED for the wrong context.
 */
int smp_text_poke_batch_process(void);

/**
 * smp_text_poke_batch_finish() - process if anything is queued
 */
int smp_text_poke_batch_finish(void);

/**
 * smp_text_poke_single() - add and finish; flushes what was pending too
 */
int smp_text_poke_single(void *addr, const void *opcode, size_t len, const void *emulate);

/**
 * smp_text_poke_sync_each_cpu() - serialise every CPU and wait for all, this one included
 *
 * Context: any CPU, not from a trap; callers exclude each other. Return: 0 or -ERR_TIMEOUT.
 */
int smp_text_poke_sync_each_cpu(void);

/**
 * smp_text_poke_int3_handler() - first in the #BP path
 * @regs: changed to where the interrupted code goes on
 *
 * Context: the trapping CPU, interrupts off. noinstr.
 * Return: true = the INT3 was a site of the running batch and has been emulated.
 */
bool smp_text_poke_int3_handler(struct trap_regs *regs);

/*
 * The parts of it, for who measures them with entries and counts of his own. noinstr.
 *
 * try_get_text_poke_array() - one more in @ref, unless there is none; put_text_poke_array() - one
 * less text_poke_emulate_site() - look for the site in @vec, which is sorted, and emulate it there
 * Return: false when there is none; @regs is unchanged then.
 */
bool try_get_text_poke_array(u32 *ref);
void put_text_poke_array(u32 *ref);
bool text_poke_emulate_site(const struct smp_text_poke_loc *vec, u32 nr_entries,
			    struct trap_regs *regs);

/* What the last batch did, the last refusal, and a CPU's traps. Owner of text_mutex reads stats. */
const struct smp_text_poke_stats *smp_text_poke_stats(void);
const struct text_poke_refusal *smp_text_poke_refusal(void);
struct text_poke_traps text_poke_traps(u32 cpu);
const char *text_poke_rule_name(enum text_poke_rule rule);

/* text_poke_refs_idle() - true when no CPU's reference is held (invariant I7) */
bool text_poke_refs_idle(void);

#endif
