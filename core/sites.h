/* SPDX-License-Identifier: MIT */
/*
 * What the clients of the batch share: static keys, static calls, the tracer.
 *
 * A client is a table of sites and, for each, the bytes it wants there. All of them are checked
 * before the first byte changes; then those that differ are queued in the order of the table, which
 * is that of addresses, and made live. A site that already holds what is wanted is left alone. So a
 * change to what is there already costs no sync, and repeating a change that failed half-way
 * finishes it.
 */
#ifndef SMPOKE_CORE_SITES_H
#define SMPOKE_CORE_SITES_H

#include "text_patching.h"

/* One site: what is to stand there, and what may stand there now. */
struct site_forms {
	u8 *addr;
	u8 len; /* of every form */
	u8 want[TEXT_POKE_MAX_OPCODE_SIZE];
	u8 known[2][TEXT_POKE_MAX_OPCODE_SIZE]; /* besides @want */
};

/* A change that a client asks for. */
struct site_change {
	u32 nr_sites;
	/* Return: 0, or -ERR_REFUSED with smp_text_poke_refusal() set. Pure but for that. */
	int (*forms)(struct site_forms *ret, const void *client, u32 i);
	const void *client;
};

/**
 * sites_lock() - take text_mutex for a client that is @registered
 * @registered: the client's; NULL for one that is about to be
 *
 * Context: any CPU, interrupts on, not from a trap, text_mutex not held by this CPU.
 * Return: 0; -ERR_PERM in another context: waiting would never end; -ERR_INVAL when not registered.
 */
int sites_lock(const bool *registered);
void sites_unlock(void);

/**
 * sites_register() - accept a client whose sites all hold what @change wants
 *
 * Context: as sites_lock(). Return: 0; -ERR_EXIST; -ERR_PERM; -ERR_REFUSED.
 */
int sites_register(const struct site_change *change, bool *registered);

/* sites_unregister() - Return: as sites_lock(). */
int sites_unregister(bool *registered);

/**
 * sites_change() - check every site, then make live what differs
 *
 * Context: text_mutex held. Cost: 3 syncs for each TEXT_POKE_ARRAY_MAX sites that differ.
 * Return: 0; -ERR_REFUSED with smp_text_poke_refusal() set and no byte changed; or the error of a
 * flush: then the sites of earlier flushes have changed and the others have not.
 */
int sites_change(const struct site_change *change);

/**
 * sites_switch() - sites_change() of a client that others can ask whether it is on
 * @value: 0 = off
 *
 * Who reads anything but 0 with load_acquire() runs the on form, on every CPU, until it reads 0.
 * Context, cost and return: as sites_change(). After an error of a flush *value is 0.
 */
int sites_switch(const struct site_change *change, u32 *value, u32 to);

/* sites_nop() - the NOP of @len bytes */
void sites_nop(u8 *ret, size_t len);

/**
 * sites_branch() - a CALL or JMP at @addr that leads to @target
 * @opcode: of a form with rel8 (JMP8) or rel32
 *
 * Return: 0; -ERR_REFUSED (TARGET) when the displacement does not fit.
 */
int sites_branch(u8 *ret, u8 opcode, const u8 *addr, const void *target);

#endif
