/* SPDX-License-Identifier: MIT */
/*
 * Shared between the queue (text_poke_queue.c), the engine (smp_text_poke.c) and their clients
 * (sites.c).
 */
#ifndef SMPOKE_CORE_SMP_TEXT_POKE_H
#define SMPOKE_CORE_SMP_TEXT_POKE_H

#include "int3.h"
#include "text_patching.h"

/* The owner of #BP while the engine stands. noinstr. */
bool smp_text_poke_bp_hook(struct trap_regs *regs);

/* An earlier batch timed out or did not read back; text is left under INT3. */
bool smp_text_poke_stopped(void);

/* This CPU is inside the #BP path. */
bool smp_text_poke_in_trap(void);

/* text_mutex held, interrupts on, not in a trap, not stopped. Return: 0 or -ERR_REFUSED. */
int text_poke_check_context(void);

/*
 * text_poke_check() - would smp_text_poke_batch_add() take this, were the queue empty?
 *
 * Nothing is queued. Return: as smp_text_poke_batch_add().
 */
int text_poke_check(void *addr, const void *opcode, size_t len);

/* text_poke_refuse() - set smp_text_poke_refusal(). Return: -ERR_REFUSED. */
int text_poke_refuse(enum text_poke_rule rule, const void *addr, const u8 *bytes, size_t len);

#endif
