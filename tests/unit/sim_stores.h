/* SPDX-License-Identifier: MIT */
/*
 * Sees every store to a piece of memory, one by one and in the order in which they are made.
 *
 * The pages are made read-only; a store faults, is let through as a single step, and the trap
 * behind it tells. So nothing that stores need know of it. Not together with sim_gate().
 */
#ifndef SMPOKE_TESTS_SIM_STORES_H
#define SMPOKE_TESTS_SIM_STORES_H

#include "types.h"

/* @seen: called after each store, with the offset of its first byte in [@mem, @mem + @bytes). */
void sim_stores_watch(u8 *mem, size_t bytes, void (*seen)(size_t offset));

/* The memory can be written again, unseen. Without a watch this does nothing. */
void sim_stores_unwatch(void);

#endif
