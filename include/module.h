/* SPDX-License-Identifier: MIT */
/*
 * Code regions that are loaded and unloaded at run time, on a list that other CPUs read without
 * locks (Linux commit of 2008 that took stop_machine out of module loading).
 *
 *   module_link()       COMING: on the list, for the owner of module_mutex only
 *   module_set_live()   LIVE: every CPU's look-up finds it, from traps too
 *   module_set_going()  GOING: no look-up finds it any more
 *   module_unlink()     off the list, and no look-up stands on it: may be freed
 *
 * module_load.h has these in order, with what is to be done to the text in between.
 */
#ifndef SMPOKE_MODULE_H
#define SMPOKE_MODULE_H

#include "list.h"
#include "module_name.h"
#include "stop_machine.h"
#include "types.h"

/* Zero is none of them: memory that was never a module is not taken for one. */
enum module_state {
	MODULE_UNUSED,
	MODULE_COMING,
	MODULE_LIVE,
	MODULE_GOING,
};

/* A table of the module's own; what is in it is between the loader and who reads that table. */
struct module_table {
	const void *start, *end;
};

/* What the loader says of a module; copied by module_link(). */
struct module_info {
	const char *name;
	const u8 *text, *text_end;
	struct module_table alternatives; /* struct alt_instr */
	struct module_table replacements; /* theirs */
	struct module_table locks; /* s32, as in .smp_locks */
};

/*
 * Memory of the caller, who keeps it from module_link() until module_unlink() has returned 0. All
 * of it is constant in between, but for the list and the state.
 */
struct module {
	struct list_head list;
	u32 state; /* enum module_state */
	struct module_name name;
	const u8 *text, *text_end;
	struct module_table alternatives, replacements, locks;
};

/* How a module is put on the list. Readers cannot tell; the cost differs. */
enum module_insert {
	MODULE_INSERT_RCU, /* list_add_rcu(): nobody is stopped */
	MODULE_INSERT_STOP, /* under stop_machine(), as it was before */
};

/**
 * module_mutex_lock() / module_mutex_unlock() - the one lock of the list and of module states
 *
 * Taken before text_mutex, never after it. Held by who loads or unloads a module from its first
 * module_link() to its last module_unlink() or module_set_live(); look-ups take no lock.
 * Context: any CPU, interrupts on (who waits can be stopped), not from a trap. Deadline: as of
 * text_mutex_lock(), none.
 */
void module_mutex_lock(void);
void module_mutex_unlock(void);
bool module_mutex_held(void); /* by this CPU */

/**
 * module_link() - put a module on the list, COMING
 * @mod: memory for it, none that is linked already
 * @info: copied; name not empty and short enough, text not empty and text of this machine
 * @ret_clash: on -ERR_EXIST the module that has the name or a part of the text; may be NULL
 *
 * Context: module_mutex held; INSERT_STOP also as stop_machine() but without text_mutex, which is
 * taken. Cost: INSERT_RCU nothing on other CPUs; INSERT_STOP one stop_machine().
 * Return: 0; -ERR_PERM without the lock; -ERR_INVAL for a bad name, range or table; -ERR_RANGE when
 * it is not text; -ERR_EXIST; or an error of stop_machine(): then it is not linked.
 */
int module_link(struct module *mod, const struct module_info *info, enum module_insert how,
		const struct module **ret_clash);

/**
 * module_set_live() - COMING to LIVE: its text is as it is to be, and look-ups may find it
 * module_set_going() - COMING or LIVE to GOING: look-ups that begin now do not find it
 *
 * Context: module_mutex held. Return: 0; -ERR_PERM without the lock; -ERR_INVAL in another state.
 */
int module_set_live(struct module *mod);
int module_set_going(struct module *mod);

/**
 * module_unlink() - take a GOING module off the list when no CPU's look-up stands on it
 * @ret: what stop_machine() reports; may be NULL
 *
 * When it returns 0 no CPU has a pointer to @mod from a look-up, and its memory may be freed or
 * become another module. On an error it stays linked and GOING, and its memory must stay; the call
 * may be repeated.
 * Context: as stop_machine(), with module_mutex and without text_mutex, which is taken.
 * Cost: one stop_machine().
 * Return: 0; -ERR_PERM for the wrong context; -ERR_INVAL when it is not GOING; or an error of
 * stop_machine(), of which -ERR_TIMEOUT names the CPU in @ret.
 */
int module_unlink(struct module *mod, struct stop_report *ret);

/**
 * module_find() - a linked module by name, whatever its state; NULL when there is none
 *
 * Context: module_mutex held; NULL without it.
 */
struct module *module_find(const char *name);

/**
 * module_lookup() - the LIVE module whose text holds @addr; NULL when there is none
 *
 * The caller is between stop_hold() and stop_release(), and forgets the pointer before it releases.
 * Context: any CPU of ours, any state, traps included. noinstr. Takes no lock and waits for nobody;
 * one look at each linked module.
 */
const struct module *module_lookup(const void *addr);

/* module_nr() - how many are linked. Context: module_mutex held; 0 without it. */
u32 module_nr(void);

#endif
