/* SPDX-License-Identifier: MIT */
/*
 * An image with a lock table in pages of its own, 2006 sites, and modules that can be loaded.
 */
#ifndef SMPOKE_TESTS_SMP_ALT_FIXTURE_H
#define SMPOKE_TESTS_SMP_ALT_FIXTURE_H

#include <string.h>

#include "altinstr_fixture.h"
#include "page_fixture.h"
#include "smp_alt.h"

#define CORE_TEXT_BYTES 0x3000
#define CORE_LOCKS 6
#define CORE_SITES_OFFSET 0x100
#define MODULE_TEXT_BYTES 16
#define MODULE_LOCKS 2
#define NR_MODULES 100

struct module {
	s32 locks[MODULE_LOCKS];
};

static struct module modules[NR_MODULES];
static struct smp_alt_core core;
static s32 *core_locks; /* at the start of the pages that can be freed */

static const u8 lock_inc[] = { LOCK_PREFIX_BYTE, 0x48, 0xFF, 0x07 };

static void point(s32 *entry, const u8 *to)
{
	*entry = (s32)(to - (u8 *)entry);
}

static u8 *core_site(u32 i)
{
	return sim_text + CORE_SITES_OFFSET + 8 * i;
}

static u8 *module_text(u32 i)
{
	return sim_text + CORE_TEXT_BYTES + i * MODULE_TEXT_BYTES;
}

static void put_core(void)
{
	memset(reserved, 0, sizeof(reserved));
	core_locks = (s32 *)reserved;
	for (u32 i = 0; i < CORE_LOCKS; i++)
		point(&core_locks[i], sim_put(core_site(i) - sim_text, lock_inc, sizeof(lock_inc)));
	core = (struct smp_alt_core){
		.locks = core_locks,
		.locks_end = core_locks + CORE_LOCKS,
		.text = sim_text,
		.text_end = sim_text + CORE_TEXT_BYTES,
		.instrs = put_altinstrs(),
		.pages = reserved[0],
		.pages_end = reserved[2],
	};
	core.instrs.text_end = core.text_end;
}

static void put_modules(void)
{
	for (u32 i = 0; i < NR_MODULES; i++) {
		for (u32 j = 0; j < MODULE_LOCKS; j++) {
			size_t offset = module_text(i) + j * sizeof(lock_inc) - sim_text;

			point(&modules[i].locks[j], sim_put(offset, lock_inc, sizeof(lock_inc)));
		}
	}
}

/* One CPU runs, more are there. Not booted; the page allocator is not ready; text_mutex held. */
static int reset(void **state)
{
	(void)state;
	sim_reset();
	sim.nr_cpus = 1;
	text_mutex_lock();
	assert_int_equal(alternatives_smp_exit(), 0);
	start_pages(asan_access, false);
	put_core();
	put_modules();
	sim_forget();
	return 0;
}

/* Forgets nodes before the pages that they are in. */
static int close_down(void **state)
{
	(void)state;
	return alternatives_smp_exit() || page_alloc_exit();
}

static const struct smp_alt_state *now(void)
{
	return alternatives_smp_state();
}

static int boot(struct smp_alt_policy policy)
{
	if (!policy.up_form)
		policy.up_form = SMP_UP_DS;
	return alternatives_smp_boot(&core, &policy);
}

static int add(u32 i)
{
	return alternatives_smp_module_add(&modules[i], "module", modules[i].locks,
					   modules[i].locks + MODULE_LOCKS, module_text(i),
					   module_text(i) + MODULE_TEXT_BYTES);
}

static inline int del(u32 i)
{
	return alternatives_smp_module_del(&modules[i]);
}

static bool core_has(u8 prefix)
{
	for (u32 i = 0; i < CORE_LOCKS; i++)
		if (*core_site(i) != prefix)
			return false;
	return true;
}

static bool module_has(u32 i, u8 prefix)
{
	return module_text(i)[0] == prefix && module_text(i)[sizeof(lock_inc)] == prefix;
}

static inline bool is_reserved(const u8 *byte)
{
	int is = alternatives_text_reserved(byte, byte + 1);

	assert_true(is == 0 || is == 1);
	return is;
}

static inline void ready(void)
{
	assert_int_equal(page_alloc_init_late(), 0);
}

#endif
