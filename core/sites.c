/* SPDX-License-Identifier: MIT */
#include "sites.h"

#include "atomic.h"
#include "fault.h"
#include "machine.h"
#include "mem.h"
#include "nops.h"
#include "smp_text_poke.h"
#include "text_map.h"

int sites_lock(const bool *registered)
{
	/*
	 * Held by this CPU the lock never comes free; and with interrupts off, or in a trap, this
	 * CPU would not answer the syncs of the owner it waits for.
	 */
	if (text_mutex_held() || machine_irqs_off() || smp_text_poke_in_trap())
		return -ERR_PERM;
	text_mutex_lock();
	if (!registered || *registered)
		return 0;
	text_mutex_unlock();
	return -ERR_INVAL;
}

void sites_unlock(void)
{
	text_mutex_unlock();
}

void sites_nop(u8 *ret, size_t len)
{
	memcpy(ret, nop_bytes(len), len);
}

int sites_branch(u8 *ret, u8 opcode, const u8 *addr, const void *target)
{
	size_t len = opcode == JMP8_INSN_OPCODE ? JMP8_INSN_SIZE : JMP32_INSN_SIZE;
	s64 rel = (s64)target - (s64)addr - (s64)len;

	if (rel != (len == JMP8_INSN_SIZE ? (s8)rel : (s32)rel))
		return text_poke_refuse(TEXT_POKE_RULE_TARGET, addr, &opcode, sizeof(opcode));
	ret[0] = opcode;
	memcpy(ret + 1, &rel, len - 1);
	return 0;
}

static bool holds(const struct site_forms *site, const u8 *form)
{
	return !memcmp(site->addr, form, site->len);
}

/* A site that holds something else belongs to somebody else, or its table is wrong. */
static bool is_known(const struct site_forms *site)
{
	return holds(site, site->want) || holds(site, site->known[0]) ||
	       holds(site, site->known[1]);
}

/*
 * @behind: the end of the site before. A table out of order would cost a flush, three syncs, for
 * each descending pair (Linux sorts jump entries since it batches them).
 */
static int check_site(const struct site_forms *site, const u8 *behind)
{
	if (site->addr < behind)
		return text_poke_refuse(TEXT_POKE_RULE_ORDER, site->addr, NULL, 0);
	/* The bytes of what is no text may not even be there. */
	if (!text_map_of(site->addr, site->len))
		return text_poke_refuse(TEXT_POKE_RULE_TEXT, site->addr, NULL, 0);
	if (!is_known(site) && !fault(SITES_UNCHECKED))
		return text_poke_refuse(TEXT_POKE_RULE_UNEXPECTED, site->addr, site->addr,
					site->len);
	return text_poke_check(site->addr, site->want, site->len);
}

/* @exactly: every site holds what is wanted already. */
static int check_all(const struct site_change *change, bool exactly)
{
	const u8 *behind = NULL;
	int err = text_poke_check_context();

	for (u32 i = 0; i < change->nr_sites && !err; i++) {
		struct site_forms site;

		err = change->forms(&site, change->client, i);
		if (err)
			break;
		if (exactly) {
			memcpy(site.known[0], site.want, sizeof(site.want));
			memcpy(site.known[1], site.want, sizeof(site.want));
		}
		err = check_site(&site, behind);
		behind = site.addr + site.len;
	}
	return err;
}

static int queue_one(const struct site_change *change, u32 i)
{
	struct site_forms site;
	int err = change->forms(&site, change->client, i);

	if (err || holds(&site, site.want))
		return err;
	return smp_text_poke_batch_add(site.addr, site.want, site.len, NULL);
}

/* All checked. What an error leaves in the queue goes out: its owner may free the text next. */
static int write_all(const struct site_change *change)
{
	int err = 0, finish;

	for (u32 i = 0; i < change->nr_sites && !err; i++)
		err = queue_one(change, fault(SITES_UNSORTED) ? change->nr_sites - 1 - i : i);
	finish = smp_text_poke_batch_finish();
	return err ? err : finish;
}

/*
 * What somebody queued and left there goes out before: it could overlap our sites, which must be
 * refused before the first byte changes or not at all.
 */
static int check_before_change(const struct site_change *change)
{
	int err = smp_text_poke_batch_finish();

	return err ? err : check_all(change, false);
}

int sites_change(const struct site_change *change)
{
	int err = check_before_change(change);

	return err ? err : write_all(change);
}

int sites_switch(const struct site_change *change, u32 *value, u32 to)
{
	int err = check_before_change(change);

	if (err)
		return err;
	/*
	 * R-on: off is said before the first site is off. Whoever runs an off form, which it can
	 * only after a sync of the engine, reads 0 after it.
	 */
	if (!to || fault(VALUE_FIRST))
		store_release(value, to);
	err = write_all(change);
	/*
	 * R-on: on is said when every CPU has serialised behind the last byte. Pairs with A-on, the
	 * load_acquire() of whoever asks. Without it a CPU could read "on" and then run a site in
	 * its off form; keys of Linux did
	 * that until 2016, when two CPUs enabled one.
	 */
	if (to)
		store_release(value, err ? 0 : to);
	return err;
}

int sites_register(const struct site_change *change, bool *registered)
{
	int err = sites_lock(NULL);

	if (err)
		return err;
	err = *registered ? -ERR_EXIST : check_all(change, true);
	if (!err)
		*registered = true;
	sites_unlock();
	return err;
}

int sites_unregister(bool *registered)
{
	int err = sites_lock(registered);

	if (err)
		return err;
	*registered = false;
	sites_unlock();
	return 0;
}
