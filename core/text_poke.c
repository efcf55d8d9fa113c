/* SPDX-License-Identifier: MIT */
/*
 * Writing text: one lock, one alias, every byte read back. No protocol between CPUs here.
 */
#include "text_patching.h"

#include "atomic.h"
#include "machine.h"
#include "machine_text.h"
#include "mem.h"
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
	 * A0: pairs with R0. Without it this CPU could see the queue half emptied by the last
	 * owner. Interrupts stay on while spinning: the owner's sync must be answered, or it never
	 * ends.
	 */
	while (!atomic_try_cmpxchg(&text_mutex_owner, 0, me))
		cpu_relax();
}

void text_mutex_unlock(void)
{
	/* R0: pairs with A0: all that was done under the lock is visible to the next owner. */
	store_release(&text_mutex_owner, 0);
}

bool text_mutex_held(void)
{
	return load_relaxed(&text_mutex_owner) == machine_this_cpu() + 1;
}

int text_poke(void *addr, const void *src, size_t len)
{
	ptrdiff_t delta;
	int err;

	if (!text_mutex_held())
		return -ERR_PERM;
	if (!text_contains(addr, len))
		return -ERR_RANGE;
	err = text_alias_open(&delta);
	if (err)
		return err;
	memcpy((u8 *)addr + delta, src, len);
	text_alias_close();
	return memcmp(addr, src, len) ? -ERR_VERIFY : 0;
}

int text_poke_copy(void *addr, const void *src, size_t len)
{
	int err;

	text_mutex_lock();
	err = text_poke(addr, src, len);
	text_mutex_unlock();
	return err;
}
