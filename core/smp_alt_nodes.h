/* SPDX-License-Identifier: MIT */
/*
 * Nodes of smp_alt_modules, cut from pages of page_alloc.h. All of it under text_mutex.
 */
#ifndef SMPOKE_CORE_SMP_ALT_NODES_H
#define SMPOKE_CORE_SMP_ALT_NODES_H

#include "types.h"

struct module;

/* A piece of text that can be switched, and its lock table. */
struct smp_alt_module {
	struct smp_alt_module *next;
	const struct module *mod; /* NULL: the image itself */
	const char *name;
	const s32 *locks, *locks_end;
	u8 *text, *text_end;
};

/* smp_alt_node_alloc() - zeroed; NULL when there is no page left */
struct smp_alt_module *smp_alt_node_alloc(void);

/* smp_alt_node_free() - a page whose nodes are all free goes back, and is poisoned */
void smp_alt_node_free(struct smp_alt_module *node);

#endif
