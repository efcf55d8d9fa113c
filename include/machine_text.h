/* SPDX-License-Identifier: MIT */
/*
 * The seam, part 2: text that can be patched, the writable alias, and the #BP hook.
 *
 * Text runs from mappings that are executable and never writable. The only way to change it is the
 * alias: the same pages at another address, open for the duration of a batch. On bare metal every
 * CPU has a page table of its own, and the alias stands in the patching CPU's alone; on the host
 * its access rights are the patching thread's own where the CPU has protection keys
 * (MACHINE_CAP_ALIAS_PRIVATE), else it is one mprotect() that every thread shares.
 */
#ifndef SMPOKE_MACHINE_TEXT_H
#define SMPOKE_MACHINE_TEXT_H

#include "trap.h"
#include "types.h"

/* All text and text_near_alloc() memory lies this close to _stext, so that s32 offsets reach. */
#define TEXT_REACH_BYTES (1ul << 30)

/* Start of the image's own text; addresses of text are stored relative to it (docs/protocol.md). */
extern char _stext[], _etext[];

/**
 * text_alloc() - pages for code, filled with INT3, readable and executable, not writable
 * @bytes: rounded up to pages
 * @align_bytes: a power of two up to 2 MiB
 *
 * Context: boot CPU. Return: NULL when no memory is within TEXT_REACH_BYTES of _stext.
 */
u8 *text_alloc(size_t bytes, size_t align_bytes);

/**
 * text_free() - give pages back; they are filled with INT3 again first
 *
 * No CPU may run or be about to run in them. Context: boot CPU, alias closed.
 */
void text_free(u8 *text, size_t bytes);

/**
 * text_near_alloc() - zeroed data within reach of the text, for tables with self-relative entries
 *
 * Context: boot CPU. Return: NULL when there is none.
 */
void *text_near_alloc(size_t bytes);
void text_near_free(void *mem, size_t bytes);

/**
 * text_contains() - true if [addr, addr + len) lies within one allocation of text
 *
 * Context: any CPU; text_alloc() and text_free() are excluded by the caller.
 */
bool text_contains(const void *addr, size_t len);

/**
 * text_alias_open() - let this CPU write text
 * @ret_delta: add it to an address of text to get the address where it can be written
 *
 * Between open and close this CPU has interrupts off where the machine can (MACHINE_CAP_IRQ_OFF),
 * may not call firmware, the console or allocators, and may not be scheduled elsewhere.
 * Context: any CPU of ours, text_mutex held, interrupts on, not open yet.
 * Return: 0, or -ERR_FAULT when the machine refused (host: the system's reason is on the console).
 */
int text_alias_open(ptrdiff_t *ret_delta);

/**
 * text_alias_close() - end it: afterwards an access through the alias faults on this CPU, too
 *
 * Context: the CPU that opened. Serialising on bare metal (it loads CR3).
 */
void text_alias_close(void);

/**
 * text_bp_hook - the owner of breakpoints
 * @regs: the interrupted context; ip points behind the INT3. May be changed.
 *
 * Runs on the trapping CPU with interrupts off and must be noinstr throughout.
 * Return: true when the trap was ours and @regs says where to go on; false = a foreign INT3, which
 * the machine reports as a fault of whatever was running.
 */
typedef bool (*text_bp_hook)(struct trap_regs *regs);

/**
 * text_set_bp_hook() - there is one hook; NULL = every INT3 is foreign
 *
 * Context: boot CPU, while no CPU but this one can meet an INT3 that is not foreign.
 * Return: the hook until now, for who borrows the breakpoints and gives them back.
 */
text_bp_hook text_set_bp_hook(text_bp_hook hook);

#endif
