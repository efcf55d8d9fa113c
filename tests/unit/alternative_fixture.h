/* SPDX-License-Identifier: MIT */
/*
 * Tables of alternatives made by hand, over the text of the sim machine.
 */
#ifndef SMPOKE_TESTS_ALTERNATIVE_FIXTURE_H
#define SMPOKE_TESTS_ALTERNATIVE_FIXTURE_H

#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "apply_alternatives.h"
#include "nops.h"
#include "sim_machine.h"
#include "text_patching.h"
#include "x86.h"

#define MAX_ENTRIES 256
#define B(...) (const u8[]){ __VA_ARGS__ }, sizeof((const u8[]){ __VA_ARGS__ })

/* One that the CPU of these tests has, and one that it has not. */
#define HAS X86_FEATURE_ERMS
#define LACKS X86_FEATURE_FSRM

/* In the image, so that sim_text is within reach. */
static struct alt_instr entries[MAX_ENTRIES];
static u8 replacements[MAX_ENTRIES * 64];
static u32 nr_entries, replacement_bytes;
static struct alt_result result;

/* No table, INT3s, and the features of these tests; between the cases of one test. */
static void restart(void)
{
	static u8 int3s[SIM_TEXT_BYTES];

	memset(int3s, INT3_INSN_OPCODE, sizeof(int3s));
	sim_put(0, int3s, sizeof(int3s));
	nr_entries = replacement_bytes = 0;
	memset(&boot_cpu_features, 0, sizeof(boot_cpu_features));
	cpu_feature_set(X86_FEATURE_ALWAYS);
	cpu_feature_set(HAS);
}

static int reset(void **state)
{
	(void)state;
	sim_reset();
	text_mutex_lock();
	restart();
	return 0;
}

/* The replacement stands at @at, wherever that is. */
static struct alt_instr *add_entry_at(const u8 *site, size_t site_len, const u8 *at, size_t len,
				      u32 feature)
{
	struct alt_instr *entry = &entries[nr_entries++];

	assert_true(nr_entries <= MAX_ENTRIES);
	*entry = (struct alt_instr){
		.instr_offset = (s32)(site - (u8 *)&entry->instr_offset),
		.repl_offset = (s32)(at - (u8 *)&entry->repl_offset),
		.cpuid = (u16)feature,
		.flags = (u16)(feature >> 16),
		.instrlen = (u8)site_len,
		.replacementlen = (u8)len,
	};
	return entry;
}

static inline struct alt_instr *add_entry(const u8 *site, size_t site_len, const u8 *code,
					  size_t len, u32 feature)
{
	u8 *at = replacements + replacement_bytes;

	assert_true(replacement_bytes + len <= sizeof(replacements));
	if (len)
		memcpy(at, code, len);
	replacement_bytes += len;
	return add_entry_at(site, site_len, at, len, feature);
}

static struct alt_table the_table(void)
{
	return (struct alt_table){ .start = entries,
				   .end = entries + nr_entries,
				   .repl = replacements,
				   .repl_end = replacements + replacement_bytes };
}

static inline int apply(void)
{
	struct alt_table table = the_table();

	sim_forget();
	return apply_alternatives(&table, &result);
}

/* What stands at @addr is @code, padded by one filling of NOPs to @len. */
static inline void expect_code(const u8 *addr, size_t len, const u8 *code, size_t code_len)
{
	u8 want[ALT_MAX_PATCH_LEN];

	if (code_len)
		memcpy(want, code, code_len);
	nops_fill(want + code_len, len - code_len);
	assert_memory_equal(addr, want, len);
}

#endif
