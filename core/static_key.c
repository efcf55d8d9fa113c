/* SPDX-License-Identifier: MIT */
#include "static_key.h"

#include "atomic.h"
#include "fault.h"
#include "mem.h"
#include "sites.h"
#include "smp_text_poke.h"

/* What the sites of a key are to be. */
struct key_change {
	const struct static_key *key;
	bool on;
};

static int jump_entry_forms(struct site_forms *ret, const void *client, u32 i)
{
	const struct key_change *change = client;
	const struct jump_entry *entry = &change->key->entries[i];
	u8 *nop = ret->known[0], *jmp = ret->known[1];
	int err;

	ret->addr = entry->code;
	ret->len = entry->size;
	if (entry->size != JMP8_INSN_SIZE && entry->size != JMP32_INSN_SIZE)
		return text_poke_refuse(TEXT_POKE_RULE_LENGTH, entry->code, NULL, 0);
	sites_nop(nop, entry->size);
	err = sites_branch(jmp,
			   entry->size == JMP8_INSN_SIZE ? JMP8_INSN_OPCODE : JMP32_INSN_OPCODE,
			   entry->code, entry->target);
	if (!err)
		memcpy(ret->want, change->on != entry->branch ? jmp : nop, entry->size);
	return err;
}

static struct site_change jump_label_change(const struct key_change *change)
{
	return (struct site_change){
		.nr_sites = change->key->nr_entries,
		.forms = jump_entry_forms,
		.client = change,
	};
}

/* Under text_mutex. @count: what the key's is to be, once the code is. */
static int jump_label_update(struct static_key *key, u32 count)
{
	const struct key_change to = { .key = key, .on = count };
	const struct site_change change = jump_label_change(&to);

	return sites_switch(&change, &key->enabled, count);
}

int static_key_register(struct static_key *key)
{
	const struct key_change as_it_is = { .key = key, .on = key->enabled };
	const struct site_change change = jump_label_change(&as_it_is);

	return sites_register(&change, &key->registered);
}

int static_key_unregister(struct static_key *key)
{
	return sites_unregister(&key->registered);
}

int static_key_slow_inc(struct static_key *key)
{
	int err = sites_lock(&key->registered);

	if (err)
		return err;
	if (key->enabled == STATIC_KEY_COUNT_MAX)
		err = -ERR_RANGE;
	else if (key->enabled)
		store_relaxed(&key->enabled, key->enabled + 1);
	else
		err = jump_label_update(key, 1);
	sites_unlock();
	return err;
}

int static_key_slow_dec(struct static_key *key)
{
	int err = sites_lock(&key->registered);

	if (err)
		return err;
	if (!key->enabled)
		err = -ERR_RANGE;
	else if (key->enabled > 1 && !fault(KEY_OFF_EARLY))
		store_relaxed(&key->enabled, key->enabled - 1);
	else
		err = jump_label_update(key, 0);
	sites_unlock();
	return err;
}

int static_key_enable(struct static_key *key)
{
	int err = sites_lock(&key->registered);

	if (err)
		return err;
	if (!key->enabled)
		err = jump_label_update(key, 1);
	sites_unlock();
	return err;
}

int static_key_disable(struct static_key *key)
{
	int err = sites_lock(&key->registered);

	if (err)
		return err;
	/* At 0 too: that turns off what a change that failed half-way has left on. */
	err = key->enabled > 1 ? -ERR_BUSY : jump_label_update(key, 0);
	sites_unlock();
	return err;
}

u32 static_key_count(const struct static_key *key)
{
	/* A-on: pairs with R-on. */
	return load_acquire(&key->enabled);
}
