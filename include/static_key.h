/* SPDX-License-Identifier: MIT */
/*
 * Static keys: a condition that costs a NOP or a JMP at each of its sites, and a batch to change.
 *
 * Names are Linux's where the meaning is Linux's. Where Linux warns, these functions refuse, and
 * smp_text_poke_refusal() names the site and the rule. Read it before another CPU changes text.
 *
 * All that change a key: any CPU, interrupts on, not from a trap, text_mutex not held by the
 * caller; they take it, so that patchers on different CPUs come one after the other. -ERR_PERM in
 * another context, -ERR_INVAL for a key that is not registered.
 */
#ifndef SMPOKE_STATIC_KEY_H
#define SMPOKE_STATIC_KEY_H

#include "types.h"

#define STATIC_KEY_COUNT_MAX INT32_MAX

/* One site of a key: a NOP, or a JMP to @target. */
struct jump_entry {
	u8 *code;
	const u8 *target;
	u8 size; /* 5 = NOP5 and JMP rel32, 2 = NOP2 and JMP rel8 */
	bool branch; /* it jumps while the key is off, and not while the key is on */
};

/*
 * Filled in by its owner before static_key_register(), changed by the functions below after. The
 * table is in the order of addresses, without overlaps; a key without sites is a counter.
 */
struct static_key {
	u32 enabled; /* how many want it on; static_key_count() reads it */
	bool registered;
	const struct jump_entry *entries;
	u32 nr_entries;
};

/**
 * static_key_register() - accept a key whose sites all hold the form that its value asks for
 *
 * Every site must be registered text (text_register()); the table is checked whole. No sync.
 * Return: 0; -ERR_EXIST when it is registered; -ERR_REFUSED for a site that breaks a rule, holds
 * other bytes (UNEXPECTED), is out of order (ORDER), or does not reach its target (TARGET).
 */
int static_key_register(struct static_key *key);

/* static_key_unregister() - before the text of its sites is freed; the sites stay as they are */
int static_key_unregister(struct static_key *key);

/**
 * static_key_slow_inc() - one more wants it on
 * static_key_slow_dec() - one less
 *
 * From 0 and to 0 every site is patched before the call returns; the bytes that are there are
 * verified first, all of them. Cost: 3 syncs for each 256 sites then, none else.
 * Return: 0; -ERR_RANGE over STATIC_KEY_COUNT_MAX or below 0; -ERR_REFUSED; in all these cases
 * nothing has changed. Or the error of a flush: the count is 0 then, and the sites beyond the
 * failed flush are as they were; static_key_enable() or _disable() completes either way.
 */
int static_key_slow_inc(struct static_key *key);
int static_key_slow_dec(struct static_key *key);

/**
 * static_key_enable() - on, whatever it was; a key that is on stays as it is, without a sync
 * static_key_disable() - off
 *
 * Return: as static_key_slow_inc(). -ERR_BUSY for static_key_disable() when more than one wants it
 * on.
 */
int static_key_enable(struct static_key *key);
int static_key_disable(struct static_key *key);

/**
 * static_key_count() - how many want it on
 *
 * Not 0 is a promise: no CPU runs a site in its off form. 0 is none, while somebody changes it.
 * Unlike Linux's, which says 1 while the first one is still patching.
 * Context: any CPU, any state.
 */
u32 static_key_count(const struct static_key *key);

static inline bool static_key_enabled(const struct static_key *key)
{
	return static_key_count(key);
}

#endif
