/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the engine share: sites with their old and new bytes, and what the whole text
 * must look like in each phase of a batch. Included by test programs only.
 */
#ifndef SMPOKE_TESTS_ENGINE_FIXTURE_H
#define SMPOKE_TESTS_ENGINE_FIXTURE_H

#include "unit.h"

#include <string.h>
#include <time.h>

#include "sim_machine.h"
#include "text_patching.h"

#define INT3 0xCC
#define STRIDE 64

/* One site: what stands there, what is to stand there. */
struct change {
	u8 len;
	u8 old[6], new[6];
};

#define NOP1                                                                                       \
	{                                                                                          \
		0x90                                                                               \
	}
#define NOP2                                                                                       \
	{                                                                                          \
		0x66, 0x90                                                                         \
	}
#define NOP5                                                                                       \
	{                                                                                          \
		0x0F, 0x1F, 0x44, 0x00, 0x00                                                       \
	}
#define NOP6                                                                                       \
	{                                                                                          \
		0x66, 0x0F, 0x1F, 0x44, 0x00, 0x00                                                 \
	}
#define JMP32                                                                                      \
	{                                                                                          \
		0xE9, 0x20, 0x00, 0x00, 0x00                                                       \
	}
#define CALL                                                                                       \
	{                                                                                          \
		0xE8, 0x20, 0x00, 0x00, 0x00                                                       \
	}
#define JZ32                                                                                       \
	{                                                                                          \
		0x0F, 0x84, 0x20, 0x00, 0x00, 0x00                                                 \
	}

static const struct change to_jmp32 __attribute__((unused)) = { 5, NOP5, JMP32 };
static const struct change to_call __attribute__((unused)) = { 5, NOP5, CALL };
static const struct change to_ret __attribute__((unused)) = { 1, NOP1, { 0xC3 } };
static const struct change to_int3 __attribute__((unused)) = { 1, NOP1, { INT3 } };
static const struct change from_int3 __attribute__((unused)) = { 1, { INT3 }, NOP1 };
static const struct change one_of_each[] __attribute__((unused)) = {
	{ 5, NOP5, JMP32 },
	{ 2, NOP2, { 0xEB, 0x10 } },
	{ 1, NOP1, { 0xC3 } },
	{ 6, NOP6, JZ32 },
	{ 5, JMP32, CALL },
	{ 2, { 0x74, 0x10 }, { 0x75, 0x10 } },
	{ 5, CALL, { 0xEB, 0x10, INT3, INT3, INT3 } },
	{ 1, { 0xC3 }, { INT3 } },
	{ 6, JZ32, { 0x0F, 0x85, 0x20, 0x00, 0x00, 0x00 } },
};

static inline u8 *site_addr(u32 i)
{
	return sim_text + i * STRIDE;
}

/* Put @nr sites in their old form and queue their new one. */
static inline int queue(const struct change *changes, u32 nr)
{
	int err = 0;

	for (u32 i = 0; i < nr; i++)
		sim_put(i * STRIDE, changes[i].old, changes[i].len);
	for (u32 i = 0; i < nr && !err; i++)
		err = smp_text_poke_batch_add(site_addr(i), changes[i].new, changes[i].len, NULL);
	return err;
}

static inline void process(const struct change *changes, u32 nr)
{
	assert_int_equal(queue(changes, nr), 0);
	assert_int_equal(smp_text_poke_batch_process(), 0);
}

/* ---- What stands in memory ---- */

enum phase {
	PHASE_OLD,
	PHASE_INT3, /* first bytes INT3, tails old */
	PHASE_TAIL, /* first bytes INT3, tails new */
	PHASE_NEW,
};

static inline void model(u8 *text, const struct change *changes, u32 nr, enum phase phase)
{
	memset(text, INT3, SIM_TEXT_BYTES);
	for (u32 i = 0; i < nr; i++) {
		u8 *site = text + i * STRIDE;

		memcpy(site, phase < PHASE_TAIL ? changes[i].old : changes[i].new, changes[i].len);
		if (phase == PHASE_INT3 || phase == PHASE_TAIL)
			site[0] = INT3;
	}
}

static inline void expect_text(const char *when, const u8 *text, const struct change *changes,
			       u32 nr, enum phase phase)
{
	static u8 want[SIM_TEXT_BYTES];

	assert_non_null(text);
	model(want, changes, nr, phase);
	for (size_t i = 0; i < SIM_TEXT_BYTES; i++) {
		if (text[i] == want[i])
			continue;
		print_error("at the %s, site %zu byte %zu is %02x and not %02x\n", when, i / STRIDE,
			    i % STRIDE, text[i], want[i]);
		assert_int_equal(text[i], want[i]);
	}
}

static inline void sleep_ms(long ms)
{
	nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000 }, NULL);
}

static inline int reset(void **state)
{
	(void)state;
	sim_reset();
	text_mutex_lock();
	return 0;
}

#endif
