/* SPDX-License-Identifier: MIT */
/*
 * SMP alternatives as a whole: which text runs in UP form, when it goes back, and when the tables
 * that say so can be freed. The writing is done by smp_locks.h and smp_altinstr.h.
 *
 * Two ways to use it (struct smp_alt_policy):
 * - one way (Linux since 2013): text starts in UP form when one CPU starts;
 *   alternatives_enable_smp() puts every LOCK back, once, before the second CPU comes.
 * - two way (2006, with CPU hotplug): alternatives_smp_switch() goes back and forth between one CPU
 *   and more.
 *
 * smp_alt_modules is the list of the pieces of text that can still be changed: the image ("core
 * kernel"), and what was loaded since. Where Linux stops the machine on misuse, an error is
 * returned and nothing changes.
 *
 * Context of all: boot CPU, text_mutex held (checked), interrupts on, not from a trap.
 */
#ifndef SMPOKE_SMP_ALT_H
#define SMPOKE_SMP_ALT_H

#include "smp_altinstr.h"
#include "smp_locks.h"
#include "types.h"

struct module; /* whoever loads it; here an identity */

/* The image itself. Its tables lie in pages of their own, which are freed when they can be. */
struct smp_alt_core {
	const s32 *locks, *locks_end; /* .smp_locks */
	u8 *text, *text_end;
	/*
	 * The 2006 form: .smp_altinstructions; start NULL where there is none. Its text lies within
	 * [text, text_end), and no entry of .smp_locks in one of its sites.
	 */
	struct smp_altinstr_table instrs;
	/*
	 * All of these tables, UP forms and save areas, and nothing else: page-aligned and padded,
	 * and known to page_alloc_add_reserved(). Both NULL: never freed.
	 */
	void *pages, *pages_end;
};

struct smp_alt_policy {
	enum smp_up_form up_form;
	u32 max_cpus; /* that will be started; 1 (or 0): start in UP form, as if it were alone */
	bool noreplace_smp; /* nothing is ever changed: noreplace-smp */
	bool two_way; /* 2006: start in UP form whenever one CPU is online, and switch */
	bool smp_alt_boot; /* with two_way: changed at boot or never: smp-alt-boot */
	bool keep_nodes; /* before seed 0: alternatives_enable_smp() leaves the list as it is */
	bool free_at_boot; /* before seed 1: tables freed by alternatives_smp_boot() */
};

struct smp_alt_state {
	bool uniproc_patched; /* some text may be in UP form */
	bool tables_freed;
	u32 nr_modules; /* on the list, the image included; 0 unless something can still change */
	u32 nr_not_remembered; /* modules that could not be remembered, and keep their LOCKs */
	u32 nr_del_walks; /* how often alternatives_smp_module_del() looked through the list */
	u32 nr_changes; /* UP to SMP or back, of everything on the list, after the boot */
	u32 nr_changes_saved; /* asked for what it was already */
	/* Of the last change, all tables together. Its entry may be gone with its module. */
	struct smp_locks_result locks;
	struct smp_altinstr_result instrs; /* of the last change, or refusal */
};

/**
 * alternatives_smp_boot() - decide on UP form, and put the image into it
 *
 * UP when @policy lets it, and one CPU is present, or max_cpus is at most 1, or with two_way. Then
 * the image is on the list as "core kernel", unless no other CPU can ever come.
 * Call once, after the feature alternatives of the image and before module loading; afterwards, in
 * this order: page_alloc_init_late(), free_smp_locks().
 * Return: 0; -ERR_PERM; -ERR_EXIST the second time; -ERR_INVAL for tables that end before they
 * start; -ERR_RANGE when the text is not ours; -ERR_BUSY when UP is wanted with other CPUs running;
 * -ERR_REFUSED for a damaged 2006 table (state->instrs says where) or a lock inside one of its
 * sites (state->locks.first_unexpected). Nothing is remembered then. -ERR_NOMEM, -ERR_FAULT and
 * -ERR_VERIFY: the image stays in SMP form, slow and safe, and the rest can be used; should the way
 * back have failed too, state->uniproc_patched says so.
 */
int alternatives_smp_boot(const struct smp_alt_core *core, const struct smp_alt_policy *policy);

/* alternatives_smp_exit() - forget all; the text stays as it is. Return: 0 or -ERR_PERM. */
int alternatives_smp_exit(void);

/**
 * alternatives_smp_module_add() - text was loaded: to UP form, if that is what runs now
 * @mod: who it is; not NULL
 * @name: kept, not copied
 *
 * In SMP form for good nothing happens at all. The tables must stay where they are until
 * alternatives_smp_module_del() or, one way, alternatives_enable_smp().
 * Cost: one walk of the list, and one look at each lock.
 * Return: 0; -ERR_PERM; -ERR_INVAL, -ERR_RANGE as at boot; -ERR_EXIST when @mod is on the list;
 * -ERR_NOMEM when it cannot be remembered: it keeps its LOCKs, slow and safe, and may run;
 * -ERR_FAULT when text could not be written: the same.
 */
int alternatives_smp_module_add(const struct module *mod, const char *name, const s32 *locks,
				const s32 *locks_end, u8 *text, u8 *text_end);

/**
 * alternatives_smp_module_del() - text goes away
 *
 * Returns at once when nothing can be on the list (seed 0). Absent is fine.
 * Return: 0; -ERR_PERM; -ERR_INVAL for NULL, which would be the image.
 */
int alternatives_smp_module_del(const struct module *mod);

/**
 * alternatives_enable_smp() - every LOCK back, for good; before the second CPU is started
 *
 * Frees the list (seed 0), and the tables if the allocator is ready. Again is fine. With two_way it
 * is alternatives_smp_switch(true).
 * Return: 0; -ERR_PERM; -ERR_UNSUPPORTED when no other CPU can come; -ERR_BUSY when one runs
 * already while text is in UP form: it has been running without LOCKs; -ERR_FAULT, -ERR_REFUSED or
 * -ERR_VERIFY: still UP, no CPU may be started, and it can be called again.
 */
int alternatives_enable_smp(void);

/**
 * alternatives_smp_switch() - SMP form before the second CPU comes, UP form when one is left
 *
 * Does nothing when that is what it is, or when policy forbids every change (noreplace_smp,
 * smp_alt_boot, one CPU present).
 * Return: 0; -ERR_PERM; -ERR_UNSUPPORTED without two_way; -ERR_BUSY when other CPUs run and text is
 * or would be in UP form; -ERR_FAULT, -ERR_REFUSED or -ERR_VERIFY: state->uniproc_patched says
 * whether text may be in UP form; no CPU may be started then.
 */
int alternatives_smp_switch(bool smp);

/**
 * free_smp_locks() - the late init stage that frees the tables of the image (seed 1)
 *
 * Freed when no node of the list refers to them any more; else they stay, and
 * alternatives_enable_smp() frees them.
 * Return: 0, whether freed or still needed (state->tables_freed); -ERR_PERM; -ERR_BUSY before
 * page_alloc_init_late(); -ERR_REFUSED with page_alloc_refusal().
 */
int free_smp_locks(void);

/**
 * alternatives_text_reserved() - may any byte in [start, end) still be changed by a switch?
 *
 * Nobody else may patch there. Return: 1 or 0; -ERR_PERM.
 */
int alternatives_text_reserved(const void *start, const void *end);

/* alternatives_smp_state() - for the owner of text_mutex */
const struct smp_alt_state *alternatives_smp_state(void);

#endif
