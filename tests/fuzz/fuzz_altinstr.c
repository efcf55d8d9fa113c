/* SPDX-License-Identifier: MIT */
/*
 * Guarantee: whatever a 2006 table holds, a walk that refuses it has changed nothing and names an
 * entry of it; and one that takes it makes every site its UP form and NOPs, and restores it, byte
 * for byte, and writes nowhere else. A site that somebody else has changed meanwhile stops all of
 * it.
 */
#include "fuzz.h"

#include <sanitizer/asan_interface.h>

#include "insn.h"
#include "nops.h"
#include "sim_machine.h"
#include "smp_altinstr.h"
#include "text_patching.h"
#include "x86.h"

#define TEXT_BYTES 512
#define MAX_ENTRIES 16
#define SLOT_BYTES 32
#define MOV_AL_IMM8 0xB0
#define MOV_BYTES 2

/* Beside the text, so that 32 bits reach. What is behind the table's end is poisoned. */
static struct smp_altinstr entries[MAX_ENTRIES + 4];
static u8 up_forms[MAX_ENTRIES * SLOT_BYTES];
static u8 save_areas[MAX_ENTRIES * SLOT_BYTES];
static u8 up_before[sizeof(up_forms)];
static u8 smp[SIM_TEXT_BYTES];
static bool starts[TEXT_BYTES + 1];
static u32 nr_entries;

static u8 *site_of(const struct smp_altinstr *entry)
{
	return self_relative(&entry->instr_offset);
}

static const u8 *up_of(const struct smp_altinstr *entry)
{
	return self_relative(&entry->replacement_offset);
}

static bool is_padding(const struct smp_altinstr *entry)
{
	static const struct smp_altinstr zero;

	return !memcmp(entry, &zero, sizeof(zero));
}

/* ---- Input ---- */

/* Tokens and NOPs; the number of a token is that of its place. */
static void put_code(struct fuzz_input *in)
{
	u8 code[TEXT_BYTES];
	size_t at = 0;

	memset(starts, 0, sizeof(starts));
	while (at < TEXT_BYTES) {
		u8 how = take_u8(in) % 12, len = how < NOP_MAX_BYTES ? how + 1 : MOV_BYTES;

		if (len > TEXT_BYTES - at)
			len = (u8)(TEXT_BYTES - at);
		starts[at] = true;
		memcpy(code + at, nop_bytes(len), len);
		if (len == MOV_BYTES)
			memcpy(code + at, ((u8[]){ MOV_AL_IMM8, (u8)(at | 0x80) }), MOV_BYTES);
		at += len;
	}
	starts[TEXT_BYTES] = true;
	sim_put(0, code, sizeof(code));
	memcpy(smp, sim_text, sizeof(smp));
}

static void put_up_forms(void)
{
	for (size_t at = 0; at < sizeof(up_forms); at += MOV_BYTES) {
		up_forms[at] = MOV_AL_IMM8;
		up_forms[at + 1] = (u8)(at / SLOT_BYTES);
	}
	memset(save_areas, 0, sizeof(save_areas));
	memcpy(up_before, up_forms, sizeof(up_forms));
}

static size_t next_start(size_t offset)
{
	while (offset <= TEXT_BYTES && !starts[offset])
		offset++;
	return offset;
}

static void take_entry(struct fuzz_input *in, u32 i)
{
	struct smp_altinstr *entry = &entries[i];
	u8 how = take_u8(in);
	size_t site = next_start(take_u16(in) % TEXT_BYTES);
	size_t end = next_start(site + 1 + take_u8(in) % 16);
	s64 save = i * SLOT_BYTES, up = i * SLOT_BYTES;

	if (how >> 5 == 7)
		return;
	entry->instrlen = (u8)(end > TEXT_BYTES ? TEXT_BYTES - site : end - site);
	entry->replacementlen = entry->instrlen / (1 + how % 3) / 2 * 2;
	if (how >> 5 == 1)
		site = take_u16(in) % (TEXT_BYTES + 64);
	if (how >> 5 == 2)
		entry->instrlen = take_u8(in);
	if (how >> 5 == 3)
		entry->replacementlen = take_u8(in);
	if (how >> 5 == 4)
		save = take_u16(in) % (sizeof(save_areas) + 64);
	if (how >> 5 == 5)
		up = take_u16(in) % sizeof(up_forms);
	if (how >> 5 == 6 && how & 8)
		entry->zero = take_u16(in);
	entry->instr_offset = (s32)(sim_text + site - (u8 *)&entry->instr_offset);
	entry->replacement_offset = (s32)(up_forms + up - (u8 *)&entry->replacement_offset);
	entry->saved_offset = (s32)((s64)(u64)save_areas + save - (s64)(u64)&entry->saved_offset);
	if (how >> 5 == 6 && !(how & 8))
		entry->saved_offset = (s32)take_bytes(in, 4);
}

static struct smp_altinstr_table take_table(struct fuzz_input *in)
{
	memset(entries, 0, sizeof(entries));
	nr_entries = take_u8(in) % (MAX_ENTRIES + 1);
	for (u32 i = 0; i < nr_entries; i++)
		take_entry(in, i);
	return (struct smp_altinstr_table){
		.start = entries,
		.end = entries + nr_entries,
		.text = sim_text,
		.text_end = sim_text + TEXT_BYTES,
		.up = up_forms,
		.up_end = up_forms + sizeof(up_forms),
		.saved = save_areas,
		.saved_end = save_areas + sizeof(save_areas),
	};
}

/* ---- The walks ---- */

typedef int (*walk_fn)(const struct smp_altinstr_table *table, struct smp_altinstr_result *ret);

/* Return: true when the table was taken. */
static bool walk(walk_fn fn, const struct smp_altinstr_table *table)
{
	struct smp_altinstr_result result;
	u8 before[SIM_TEXT_BYTES];
	int err;

	memcpy(before, sim_text, sizeof(before));
	ASAN_POISON_MEMORY_REGION(
		table->end, (size_t)((char *)(entries + MAX_ENTRIES + 4) - (char *)table->end));
	err = fn(table, &result);
	ASAN_UNPOISON_MEMORY_REGION(entries, sizeof(entries));
	MUST(!err || err == -ERR_REFUSED, "error %d", err);
	MUST(!sim.alias_is_open, "the alias was left open");
	MUST(!memcmp(up_forms, up_before, sizeof(up_forms)), "a UP form has changed");
	if (!err)
		return true;
	MUST(result.why && result.entry >= entries && result.entry < entries + nr_entries,
	     "a refusal that says nothing");
	MUST(!memcmp(before, sim_text, sizeof(before)), "refused, and a byte has changed");
	return false;
}

static size_t skip_filling(const u8 *code, size_t len)
{
	struct insn insn;
	size_t at = 0;

	while (at < len) {
		if (code[at] == INT3_INSN_OPCODE)
			at++;
		else if (insn_decode(&insn, code + at, len - at))
			break;
		else
			at += insn.len;
	}
	return at;
}

/* In UP form: what is to be in the sites, and what was everywhere else. */
static void check_up(void)
{
	u8 outside[SIM_TEXT_BYTES];

	memcpy(outside, sim_text, sizeof(outside));
	for (u32 i = 0; i < nr_entries; i++) {
		const struct smp_altinstr *entry = &entries[i];
		const u8 *site = site_of(entry);
		size_t at = (size_t)(site - sim_text), up_len = entry->replacementlen;

		if (is_padding(entry))
			continue;
		MUST(!memcmp(site, up_of(entry), up_len), "entry %u is not in UP form", i);
		MUST(skip_filling(site + up_len, entry->instrlen - up_len) ==
			     entry->instrlen - up_len,
		     "behind the UP form of entry %u is no code", i);
		memcpy(outside + at, smp + at, entry->instrlen);
	}
	MUST(!memcmp(outside, smp, sizeof(smp)), "a byte outside of all sites has changed");
}

/* There and back, twice; then once more with a site that is somebody else's by now. */
static void go_round(struct fuzz_input *in, const struct smp_altinstr_table *table)
{
	u8 spoilt = take_u8(in);

	if (!walk(alternatives_smp_save, table))
		return;
	for (int round = 0; round < 2; round++) {
		MUST(walk(alternatives_up_apply, table), "saved, and not applied");
		check_up();
		MUST(walk(alternatives_smp_apply, table), "applied, and not restored");
		MUST(!memcmp(sim_text, smp, sizeof(smp)), "SMP form is not what it was");
	}
	if (!nr_entries || is_padding(&entries[spoilt % nr_entries]))
		return;
	/* Past the alias, as if it had always been there. */
	sim_put((size_t)(site_of(&entries[spoilt % nr_entries]) - sim_text), (u8[]){ 0xF4 }, 1);
	MUST(!walk(alternatives_up_apply, table), "somebody else's bytes were taken for its own");
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_input in = { data, size };
	static bool ready;
	struct smp_altinstr_table table;

	if (!ready)
		sim_reset();
	ready = true;
	text_unregister(sim_text);
	put_code(&in);
	put_up_forms();
	MUST(!text_register(sim_text, TEXT_BYTES, NULL), "the text is no code");
	table = take_table(&in);
	text_mutex_lock();
	go_round(&in, &table);
	text_mutex_unlock();
	return 0;
}
