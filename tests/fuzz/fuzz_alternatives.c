/* SPDX-License-Identifier: MIT */
/*
 * Guarantee: whatever a table of alternatives holds, apply_alternatives() refuses it whole, names
 * an entry and a rule, and has changed no byte; or each site holds its winner, or what it had, with
 * nothing but NOPs and unreachable filling behind, and no byte outside of a site has changed.
 *
 * Code is made of MOV AL, imm8 and NOPs. Those of a replacement have its entry's number in them, so
 * the bytes of a site say who won; those of the text have the number of their place.
 */
#include "fuzz.h"

#include <sanitizer/asan_interface.h>

#include "apply_alternatives.h"
#include "insn.h"
#include "nops.h"
#include "sim_machine.h"
#include "text_patching.h"
#include "x86.h"

#define TEXT_BYTES 512
#define MAX_ENTRIES 24
#define SLOT_BYTES 32 /* of replacement code for each entry */
#define MOV_AL_IMM8 0xB0
#define MOV_BYTES 2
#define TEXT_TOKEN 0x80 /* and above: in no replacement */
#define HAS X86_FEATURE_ERMS
#define LACKS X86_FEATURE_FSRM

/* Beside the text, so that 32 bits reach. What is behind the table's end is poisoned. */
static struct alt_instr entries[MAX_ENTRIES + 4];
static u8 replacements[MAX_ENTRIES * SLOT_BYTES];
static u32 nr_entries;
static bool starts[TEXT_BYTES + 1]; /* where an instruction of the text begins, and its end */
static u8 before[SIM_TEXT_BYTES];

enum verdict {
	REFUSED,
	APPLIED,
	EITHER, /* what is asked for cannot be said to be right or wrong by this file */
};

/* ---- Input ---- */

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
		if (how < 6 || len != MOV_BYTES)
			memcpy(code + at, nop_bytes(len), len);
		else
			memcpy(code + at, ((u8[]){ MOV_AL_IMM8, (u8)(TEXT_TOKEN + at % 128) }), 2);
		at += len;
	}
	starts[TEXT_BYTES] = true;
	sim_put(0, code, sizeof(code));
}

static void put_replacements(struct fuzz_input *in)
{
	for (u32 i = 0; i < MAX_ENTRIES; i++)
		for (u32 at = 0; at < SLOT_BYTES; at += MOV_BYTES) {
			replacements[i * SLOT_BYTES + at] = MOV_AL_IMM8;
			replacements[i * SLOT_BYTES + at + 1] = (u8)i;
		}
	for (u8 nr = take_u8(in) % 8; nr; nr--)
		memcpy(replacements + take_u16(in) % sizeof(replacements) / 2 * 2,
		       ((u8[]){ 0x66, 0x90 }), 2);
}

static size_t next_start(size_t offset)
{
	while (offset <= TEXT_BYTES && !starts[offset])
		offset++;
	return offset;
}

/* Mostly what an assembler would write: an instruction or some, replaced by as much or less. */
static void take_entry(struct fuzz_input *in, u32 i)
{
	struct alt_instr *entry = &entries[i];
	u8 how = take_u8(in);
	size_t site = next_start(take_u16(in) % TEXT_BYTES);
	size_t end = next_start(site + 1 + take_u8(in) % 24);

	if (i && how & 1 && how & 2)
		site = (size_t)(alt_instr_site(entry - 1) - sim_text) % TEXT_BYTES;
	entry->instrlen = (u8)(end > TEXT_BYTES ? TEXT_BYTES - site : end - site);
	entry->replacementlen = entry->instrlen < SLOT_BYTES ? entry->instrlen & ~1 : 2;
	if (how & 4)
		entry->replacementlen = take_u8(in) % 8 * 2;
	entry->cpuid = how & 8 ? HAS : LACKS;
	entry->flags = how & 16 ? ALT_FLAG_NOT : 0;
	if (how >> 5 == 1)
		site = take_u16(in) % (TEXT_BYTES + 64);
	if (how >> 5 == 2)
		entry->instrlen = take_u8(in);
	if (how >> 5 == 3)
		entry->replacementlen = take_u8(in);
	if (how >> 5 == 4)
		entry->cpuid = take_u16(in);
	entry->instr_offset = (s32)(sim_text + site - (u8 *)&entry->instr_offset);
	entry->repl_offset = (s32)(replacements + i * SLOT_BYTES - (u8 *)&entry->repl_offset);
	if (how >> 5 == 5)
		entry->repl_offset += (s32)take_u16(in) - 0x8000;
	if (how >> 5 == 6)
		entry->flags = take_u16(in);
}

static struct alt_table take_table(struct fuzz_input *in)
{
	memset(entries, 0, sizeof(entries));
	nr_entries = take_u8(in) % (MAX_ENTRIES + 1);
	for (u32 i = 0; i < nr_entries; i++)
		take_entry(in, i);
	return (struct alt_table){ entries, entries + nr_entries, replacements,
				   replacements + sizeof(replacements) };
}

/* ---- What must be answered ---- */

static size_t offset_of(const struct alt_instr *entry)
{
	return (size_t)(alt_instr_site(entry) - sim_text);
}

static enum verdict verdict_of(const struct alt_instr *entry)
{
	size_t site = offset_of(entry), repl = alt_instr_replacement(entry) - replacements;

	if (!entry->instrlen || entry->instrlen > ALT_MAX_PATCH_LEN ||
	    entry->replacementlen > entry->instrlen || entry->cpuid >= NR_CPU_FEATURES ||
	    entry->flags & ~ALT_FLAGS)
		return REFUSED;
	if (site >= TEXT_BYTES || site + entry->instrlen > TEXT_BYTES || !starts[site] ||
	    !starts[site + entry->instrlen])
		return REFUSED;
	if (repl > sizeof(replacements) || repl + entry->replacementlen > sizeof(replacements))
		return REFUSED;
	/* A direct call that is none; the second half of an instruction. */
	if (entry->flags & ALT_FLAG_DIRECT_CALL || repl % 2 || entry->replacementlen % 2)
		return EITHER;
	return APPLIED;
}

/* Who is of the same site as the entry before belongs to it. */
static bool begins_site(const struct alt_instr *entry)
{
	return entry == entries || alt_instr_site(entry) != alt_instr_site(entry - 1);
}

static size_t group_len(const struct alt_instr *first)
{
	size_t len = 0;

	for (const struct alt_instr *e = first; e < entries + nr_entries; e++) {
		if (e != first && begins_site(e))
			break;
		if (e->instrlen > len)
			len = e->instrlen;
	}
	return len;
}

static bool any_overlap(void)
{
	for (const struct alt_instr *a = entries; a < entries + nr_entries; a++)
		for (const struct alt_instr *b = entries; b < a; b++)
			if (begins_site(a) && begins_site(b) &&
			    offset_of(a) < offset_of(b) + group_len(b) &&
			    offset_of(b) < offset_of(a) + group_len(a))
				return true;
	return false;
}

static enum verdict verdict(void)
{
	enum verdict all = APPLIED;

	for (u32 i = 0; i < nr_entries; i++) {
		enum verdict one = verdict_of(&entries[i]);

		if (one == REFUSED)
			return REFUSED;
		if (one == EITHER)
			all = EITHER;
	}
	return any_overlap() ? REFUSED : all;
}

/* ---- What must stand there ---- */

static bool has_won(const struct alt_instr *entry)
{
	return (entry->cpuid == HAS || entry->cpuid == X86_FEATURE_ALWAYS) !=
	       !!(entry->flags & ALT_FLAG_NOT);
}

static const struct alt_instr *winner_of(const struct alt_instr *first)
{
	const struct alt_instr *winner = NULL;

	for (const struct alt_instr *e = first; e < entries + nr_entries; e++) {
		if (e != first && begins_site(e))
			break;
		if (has_won(e))
			winner = e;
	}
	return winner;
}

/* The tokens of [code, code + len), one after the other, and how many. NOPs have none. */
static u32 tokens_of(const u8 *code, size_t len, u8 *ret)
{
	struct insn insn;
	u32 nr = 0;

	for (size_t at = 0; at < len; at += insn.len) {
		/* Filling behind a jump over it. */
		if (code[at] == INT3_INSN_OPCODE) {
			insn.len = 1;
			continue;
		}
		MUST(!insn_decode(&insn, code + at, len - at), "a site that does not decode");
		if (code[at] == MOV_AL_IMM8)
			ret[nr++] = code[at + 1];
	}
	return nr;
}

static void check_site(const struct alt_instr *first)
{
	const struct alt_instr *winner = winner_of(first);
	size_t at = offset_of(first), len = group_len(first);
	const u8 *want = winner ? alt_instr_replacement(winner) : before + at;
	u8 want_tokens[256], got_tokens[256];
	u32 nr_want = tokens_of(want, winner ? winner->replacementlen : len, want_tokens);
	u32 nr_got = tokens_of(sim_text + at, len, got_tokens);

	MUST(nr_want == nr_got && !memcmp(want_tokens, got_tokens, nr_got),
	     "the site at %zu is not its winner, entry %td", at, winner ? winner - entries : -1);
	/* So that what is left differs outside of sites only. */
	memcpy(before + at, sim_text + at, len);
}

static void check_applied(const struct alt_result *result)
{
	u32 nr_sites = 0;

	for (u32 i = 0; i < nr_entries; i++) {
		if (!begins_site(&entries[i]))
			continue;
		check_site(&entries[i]);
		nr_sites++;
	}
	MUST(result->nr_sites == nr_sites && result->nr_replaced + result->nr_kept == nr_sites,
	     "sites");
}

static void check(const struct alt_table *table)
{
	enum verdict want = verdict();
	struct alt_result result;
	int err;

	memcpy(before, sim_text, sizeof(before));
	ASAN_POISON_MEMORY_REGION(
		table->end, (size_t)((char *)(entries + MAX_ENTRIES + 4) - (char *)table->end));
	err = apply_alternatives(table, &result);
	ASAN_UNPOISON_MEMORY_REGION(entries, sizeof(entries));
	MUST(!err || err == -ERR_REFUSED, "error %d", err);
	MUST(want == EITHER || (want == REFUSED) == !!err, "error %d, rule %s", err,
	     alt_rule_name(result.refusal.rule));
	if (err)
		MUST(result.refusal.rule > ALT_RULE_NONE && result.refusal.rule < NR_ALT_RULES &&
			     result.refusal.entry < nr_entries,
		     "a refusal that says nothing");
	else if (want == APPLIED)
		check_applied(&result);
	MUST((want == EITHER && !err) || !memcmp(before, sim_text, sizeof(before)),
	     "a byte outside of all sites has changed");
	MUST(!sim.alias_is_open, "the alias was left open");
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_input in = { data, size };
	static bool ready;
	struct alt_table table;

	if (!ready)
		sim_reset();
	ready = true;
	text_unregister(sim_text);
	put_code(&in);
	MUST(!text_register(sim_text, TEXT_BYTES, NULL), "the text is no code");
	memset(&boot_cpu_features, 0, sizeof(boot_cpu_features));
	cpu_feature_set(X86_FEATURE_ALWAYS);
	cpu_feature_set(HAS);
	put_replacements(&in);
	table = take_table(&in);
	text_mutex_lock();
	check(&table);
	text_mutex_unlock();
	return 0;
}
