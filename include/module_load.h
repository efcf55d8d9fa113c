/* SPDX-License-Identifier: MIT */
/*
 * A code region becomes a module, and ceases to be one: the whole way, in the order of a kernel
 * that loads modules.
 *
 * load:   text known; linked, COMING; alternatives applied; LOCKs to UP form, if that is what runs;
 *	   every CPU has serialised; LIVE
 * unload: GOING; forgotten by smp_alt_modules; off the list, by stop_machine(); text unknown
 *
 * A step that fails undoes those before it, so a module is there whole or not at all.
 */
#ifndef SMPOKE_MODULE_LOAD_H
#define SMPOKE_MODULE_LOAD_H

#include "apply_alternatives.h"
#include "module.h"

enum module_step {
	MODULE_STEP_NONE,
	MODULE_STEP_TEXT, /* text_register() */
	MODULE_STEP_LINK,
	MODULE_STEP_ALTERNATIVES,
	MODULE_STEP_LOCKS,
	MODULE_STEP_SYNC,
	MODULE_STEP_LIVE,
};

struct module_load_report {
	enum module_step step; /* that failed; NONE when all went well */
	const u8 *bad; /* TEXT: bytes that are no instruction; NULL otherwise */
	const struct module *clash; /* LINK: who has the name or the text; NULL otherwise */
	struct alt_result alternatives;
	bool keeps_locks; /* could not be remembered, so its LOCKs stay: slow, and safe */
};

/**
 * module_load() - make a region a module that runs
 * @mod: memory for it, until module_unload() has returned 0
 * @info: copied, as by module_link(); the tables must stay as long as @mod
 * @ret: always filled; may be NULL
 *
 * Nobody else runs or writes the text until this returns.
 * Takes module_mutex and text_mutex. Context: boot CPU, interrupts on, not from a trap.
 * Cost: one sync; with INSERT_STOP one stop_machine() more.
 * Return: 0, or the error of the step that @ret names; then nothing is left of it but alternatives
 * that were applied. Should a CPU not come when it is to be taken back, it is left GOING: @mod and
 * its text must stay, and module_unload() may be called.
 */
int module_load(struct module *mod, const struct module_info *info, enum module_insert how,
		struct module_load_report *ret);

/**
 * module_unload() - take it away; nobody runs it any more, says the caller
 * @ret: what stop_machine() reports; may be NULL
 *
 * Return: 0; -ERR_INVAL when it is not loaded; else an error of module_unlink(): then no look-up
 * finds it, but one may stand on it, so its memory and its text must stay; it can be called again.
 */
int module_unload(struct module *mod, struct stop_report *ret);

/* module_step_name() - what the step does, as a clause of an error */
const char *module_step_name(enum module_step step);

#endif
