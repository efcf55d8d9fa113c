/* SPDX-License-Identifier: MIT */
/*
 * Writing text: one lock, one alias, every byte read back. No protocol between CPUs here.
 */
#include "text_patching.h"

#include "atomic.h"
#include "machine.h"
#include "machine_text.h"
#include "mem.h"
#include "spinlock.h"
#include "text_map.h"
#include "x86.h"

/*
 * 0 = free, else the owner's CPU + 1. Protects the queue, the alias, and all text. Nests in
 * nothing.
 */
static u32 text_mutex_owner;

void text_mutex_lock(void)
{
	u32 me = machine_this_cpu() + 1;

	/*
	 * A-mutex: pairs with R-mutex. Without it this CPU could see the queue half emptied by the
	 * last owner. Interrupts stay on while spinning: the owner's sync must be answered, or it
	 * never ends.
	 */
	spin_lock(&text_mutex_owner, me);
}

void text_mutex_unlock(void)
{
	/* R-mutex: pairs with A-mutex: all that was done under the lock is visible to the next
	 * owner. */
	store_release(&text_mutex_owner, 0);
}

bool text_mutex_held(void)
{
	return load_relaxed(&text_mutex_owner) == machine_this_cpu() + 1;
}

/* Does not wait: for a caller that stands in a trap, or is alone. */
static bool text_mutex_trylock(void)
{
	/* A-mutex: as in text_mutex_lock(). */
	return atomic_try_cmpxchg(&text_mutex_owner, 0, machine_this_cpu() + 1);
}

/* What is to be written: @len bytes of @src, or of @fill when there is no @src. */
struct write {
	u8 *addr;
	const u8 *src;
	u8 fill;
	size_t len;
};

static bool reads_back(const struct write *w)
{
	for (size_t i = 0; i < w->len; i++)
		if (*(volatile u8 *)(w->addr + i) != (w->src ? w->src[i] : w->fill))
			return false;
	return true;
}

/* Up to the end of the second page: interrupts are off for no longer than that takes. */
static size_t max_bytes_at(const u8 *addr)
{
	return 2 * PAGE_BYTES - (u64)addr % PAGE_BYTES;
}

/* Under text_mutex. */
static int write_once(const struct write *w)
{
	ptrdiff_t delta;
	int err = text_alias_open(&delta);

	if (err)
		return err;
	if (w->src)
		memcpy(w->addr + delta, w->src, w->len);
	else
		memset(w->addr + delta, w->fill, w->len);
	text_alias_close();
	/* This CPU may have the old bytes decoded. On bare metal the close has seen to it already.
	 */
	iret_to_self();
	return reads_back(w) ? 0 : -ERR_VERIFY;
}

static int write_in_chunks(const struct write *all)
{
	struct write w = *all;
	size_t left = all->len;
	int err = 0;

	for (; left && !err; left -= w.len) {
		w.len = left < max_bytes_at(w.addr) ? left : max_bytes_at(w.addr);
		err = write_once(&w);
		w.addr += w.len;
		w.src = w.src ? w.src + w.len : NULL;
	}
	if (!err)
		text_map_rewritten(all->addr, all->len);
	return err;
}

/*
 * The image's own text. Code that is loaded at run time lies elsewhere. Asked of any address and
 * length, so the end is not computed: it need not exist.
 */
static bool is_core_text(const u8 *addr, size_t len)
{
	u64 start = (u64)_stext;

	if ((u64)addr >= start)
		return addr < (const u8 *)_etext;
	return len > start - (u64)addr;
}

int text_poke(void *addr, const void *src, size_t len)
{
	const struct write w = { .addr = addr, .src = src, .len = len };
	int err;

	if (!text_mutex_held())
		return -ERR_PERM;
	if (!len || !text_contains(addr, len) || len > max_bytes_at(addr))
		return -ERR_RANGE;
	err = write_once(&w);
	if (!err)
		text_map_rewritten(addr, len);
	return err;
}

int text_poke_kgdb(void *addr, const void *src, size_t len)
{
	int err;

	if (!text_mutex_trylock())
		return -ERR_BUSY;
	err = text_poke(addr, src, len);
	text_mutex_unlock();
	return err;
}

int text_poke_early(void *addr, const void *src, size_t len)
{
	if (text_mutex_held())
		return text_poke(addr, src, len);
	return machine_nr_cpus_online() == 1 ? text_poke_kgdb(addr, src, len) : -ERR_PERM;
}

static int checked_write(const struct write *w, bool core_ok)
{
	if (!text_mutex_held() || (!core_ok && is_core_text(w->addr, w->len)))
		return -ERR_PERM;
	if (!w->len || !text_contains(w->addr, w->len))
		return -ERR_RANGE;
	return write_in_chunks(w);
}

int text_poke_copy_locked(void *addr, const void *src, size_t len, bool core_ok)
{
	const struct write w = { .addr = addr, .src = src, .len = len };

	return checked_write(&w, core_ok);
}

int text_poke_copy(void *addr, const void *src, size_t len)
{
	int err;

	text_mutex_lock();
	err = text_poke_copy_locked(addr, src, len, false);
	text_mutex_unlock();
	return err;
}

int text_poke_set(void *addr, u8 byte, size_t len)
{
	const struct write w = { .addr = addr, .fill = byte, .len = len };
	int err;

	text_mutex_lock();
	err = checked_write(&w, false);
	text_mutex_unlock();
	return err;
}
