/* SPDX-License-Identifier: MIT */
/*
 * A static key over sites of the sim machine. Included by test programs only.
 */
#ifndef SMPOKE_TESTS_KEY_FIXTURE_H
#define SMPOKE_TESTS_KEY_FIXTURE_H

#include "client_fixture.h"

#include "static_key.h"

static struct jump_entry entries[MAX_SITES];
static struct static_key key;

static inline u8 *target(void)
{
	return sim_text + TARGET_OFFSET;
}

/* The form of a site as the words of static_key.h have it, put together here by hand. */
static inline void form(u8 *ret, u32 i, bool on)
{
	static const u8 nop2[] = { 0x66, 0x90 };
	const struct jump_entry *entry = &entries[i];

	if (on == entry->branch)
		memcpy(ret, entry->size == 2 ? nop2 : nop5, entry->size);
	else if (entry->size == 5)
		branch_to(ret, 0xE9, entry->code, entry->target);
	else
		memcpy(ret, (u8[]){ 0xEB, (u8)(entry->target - entry->code - 2) }, 2);
}

static inline bool all_are(bool on)
{
	for (u32 i = 0; i < key.nr_entries; i++) {
		u8 want[5];

		form(want, i, on);
		if (memcmp(entries[i].code, want, entries[i].size))
			return false;
	}
	return true;
}

static inline void make_entry(u32 i, u8 size, bool branch)
{
	u8 bytes[5];

	entries[i] = (struct jump_entry){
		.code = site_addr(i),
		.target = size == 2 ? site_addr(i) + STRIDE / 2 : target(),
		.size = size,
		.branch = branch,
	};
	form(bytes, i, key.enabled);
	sim_put(i * STRIDE, bytes, size);
}

static inline void make_key(u32 nr)
{
	memset(&key, 0, sizeof(key));
	key.entries = entries;
	key.nr_entries = nr;
	for (u32 i = 0; i < nr; i++)
		make_entry(i, 5, false);
}

static inline void make_registered_key(u32 nr)
{
	sim_reset();
	make_key(nr);
	assert_int_equal(static_key_register(&key), 0);
	expect_cost(0);
}

#define KEY_TEST(name) cmocka_unit_test_setup(name, reset)

#endif
