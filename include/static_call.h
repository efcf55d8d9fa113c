/* SPDX-License-Identifier: MIT */
/*
 * Static calls: a function pointer whose call sites are direct CALLs, all retargeted by one batch.
 *
 * Names are Linux's where the meaning is Linux's. Refusals and context: as in static_key.h.
 */
#ifndef SMPOKE_STATIC_CALL_H
#define SMPOKE_STATIC_CALL_H

#include "types.h"

/*
 * Five bytes. A call is a CALL rel32, or a NOP5 while there is no function; a tail call is a JMP
 * rel32, or a RET and four INT3s.
 */
struct static_call_site {
	u8 *addr;
	bool is_tail;
};

/* Filled in by its owner before static_call_register(), changed by static_call_update() after. */
struct static_call_key {
	const void *func; /* NULL = none; static_call_query() reads it */
	const void *tried; /* what an update that failed wanted; else the same */
	bool registered;
	const struct static_call_site *sites; /* in the order of addresses */
	u32 nr_sites;
};

/**
 * static_call_register() - accept a key whose sites all call its function
 *
 * Return: as static_key_register().
 */
int static_call_register(struct static_call_key *key);
int static_call_unregister(struct static_call_key *key);

/**
 * static_call_update() - every site calls @func when this returns
 * @func: NULL = nothing
 *
 * Meanwhile each CPU calls the old function or the new one at each site. The bytes that are there
 * are verified first, all of them. Cost: 3 syncs for each 256 sites; none when it is @func already.
 * Return: 0; -ERR_REFUSED (TARGET when @func does not reach a site, UNEXPECTED, ...) with nothing
 * changed; or the error of a flush: then some sites may call @func, and only @func or the old
 * function is accepted next, -ERR_BUSY else.
 */
int static_call_update(struct static_call_key *key, const void *func);

/**
 * static_call_query() - the function that every site calls
 *
 * The old one as long as an update is under way: the new one is named when the code is live on
 * every CPU (Linux names it before). Context: any CPU, any state.
 */
const void *static_call_query(const struct static_call_key *key);

#endif
