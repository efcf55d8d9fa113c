/* SPDX-License-Identifier: MIT */
#include "static_call.h"

#include "atomic.h"
#include "fault.h"
#include "mem.h"
#include "sites.h"
#include "x86.h"

/* What the sites of a key are to call. */
struct call_change {
	const struct static_call_key *key;
	const void *func;
};

/* Code behind a tail call is never reached, so RET is padded with what stops a CPU. */
static void no_function(u8 *ret, bool is_tail)
{
	if (!is_tail) {
		sites_nop(ret, CALL_INSN_SIZE);
		return;
	}
	memset(ret, INT3_INSN_OPCODE, CALL_INSN_SIZE);
	ret[0] = RET_INSN_OPCODE;
}

static int call_form(u8 *ret, const struct static_call_site *site, const void *func)
{
	if (func)
		return sites_branch(ret, site->is_tail ? JMP32_INSN_OPCODE : CALL_INSN_OPCODE,
				    site->addr, func);
	no_function(ret, site->is_tail);
	return 0;
}

static int call_site_forms(struct site_forms *ret, const void *client, u32 i)
{
	const struct call_change *change = client;
	const struct static_call_site *site = &change->key->sites[i];
	int err;

	ret->addr = site->addr;
	ret->len = CALL_INSN_SIZE;
	err = call_form(ret->want, site, change->func);
	if (!err)
		err = call_form(ret->known[0], site, change->key->func);
	if (!err)
		err = call_form(ret->known[1], site, change->key->tried);
	return err;
}

static struct site_change call_change(const struct call_change *change)
{
	return (struct site_change){
		.nr_sites = change->key->nr_sites,
		.forms = call_site_forms,
		.client = change,
	};
}

int static_call_register(struct static_call_key *key)
{
	const struct call_change as_it_is = { .key = key, .func = key->func };
	const struct site_change change = call_change(&as_it_is);

	if (!key->registered)
		key->tried = key->func;
	return sites_register(&change, &key->registered);
}

int static_call_unregister(struct static_call_key *key)
{
	return sites_unregister(&key->registered);
}

static void name_function(struct static_call_key *key, const void *func)
{
	/*
	 * R-func: said when every CPU has serialised behind the last byte. Pairs with A-func.
	 * Without it a CPU could free the old function on this word while another still calls it.
	 */
	store_release(&key->func, func);
}

/* Under text_mutex. */
static int update(struct static_call_key *key, const void *func)
{
	const struct call_change to = { .key = key, .func = func };
	const struct site_change change = call_change(&to);
	int err;

	/* After a failure sites call either; a third function would be one too many to know. */
	if (key->tried != key->func && func != key->func && func != key->tried)
		return -ERR_BUSY;
	if (fault(FUNC_FIRST))
		name_function(key, func);
	err = sites_change(&change);
	if (err == -ERR_REFUSED)
		return err;
	if (!err || func != key->func)
		key->tried = func;
	if (err)
		return err;
	name_function(key, func);
	return 0;
}

int static_call_update(struct static_call_key *key, const void *func)
{
	int err = sites_lock(&key->registered);

	if (err)
		return err;
	err = update(key, func);
	sites_unlock();
	return err;
}

const void *static_call_query(const struct static_call_key *key)
{
	/* A-func: pairs with R-func. */
	return load_acquire(&key->func);
}
