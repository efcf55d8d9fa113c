/* SPDX-License-Identifier: MIT */
#include "queue_model.h"

#include <string.h>

#include "fuzz.h"
#include "insn.h"
#include "x86.h"

#define INT3 0xCC

struct model model;

void model_reset(void)
{
	memset(&model, 0, offsetof(struct model, sites));
	memset(model.text, INT3, sizeof(model.text));
	model.nr_sites = 0;
	model.locked = model.referenced = false;
}

bool model_in_text(const u8 *addr, size_t len)
{
	u64 offset = (u64)addr - (u64)sim_text;

	return offset <= SIM_TEXT_BYTES && len <= SIM_TEXT_BYTES - offset;
}

/* ---- Where instructions begin ---- */

static const struct model_range *range_at(size_t offset)
{
	for (u32 i = 0; i < model.nr_ranges; i++)
		if (offset - model.ranges[i].offset < model.ranges[i].bytes)
			return &model.ranges[i];
	return NULL;
}

/* Return: the length of the instruction at @offset, which ends before @end; 0 = none. */
static size_t mark(size_t offset, size_t end)
{
	struct insn insn = { .len = 1 };

	/* Most of the text are INT3s, and most of the time would go into decoding them. */
	if (model.text[offset] != INT3 && insn_decode(&insn, model.text + offset, end - offset)) {
		model.starts[offset] = false;
		return 0;
	}
	memset(model.starts + offset, 0, insn.len);
	model.starts[offset] = true;
	return insn.len;
}

void model_rewritten(size_t offset, size_t len)
{
	size_t end = offset + len;

	while (offset < end) {
		const struct model_range *range = range_at(offset);
		size_t nr = range ? mark(offset, range->offset + range->bytes) : 0;

		offset += nr ? nr : 1;
	}
}

static bool overlaps_range(size_t offset, size_t bytes)
{
	for (u32 i = 0; i < model.nr_ranges; i++)
		if (offset < model.ranges[i].offset + model.ranges[i].bytes &&
		    model.ranges[i].offset < offset + bytes)
			return true;
	return false;
}

int model_register(const u8 *text, size_t bytes, const u8 **ret_bad)
{
	size_t offset = text - sim_text, at, nr;

	if (!bytes || !model_in_text(text, bytes))
		return -ERR_RANGE;
	if (overlaps_range(offset, bytes))
		return -ERR_EXIST;
	for (at = offset; at < offset + bytes; at += nr) {
		nr = mark(at, offset + bytes);
		if (!nr) {
			*ret_bad = sim_text + at;
			return -ERR_CORRUPT;
		}
	}
	model.ranges[model.nr_ranges++] = (struct model_range){ offset, bytes };
	return 0;
}

void model_unregister(const u8 *text)
{
	for (u32 i = 0; i < model.nr_ranges; i++) {
		if (sim_text + model.ranges[i].offset == text) {
			model.ranges[i] = model.ranges[--model.nr_ranges];
			return;
		}
	}
}

/* ---- What an instruction does ---- */

static const struct {
	u8 len;
	const char *bytes;
} nops[] = {
	{ 1, "\x90" },
	{ 2, "\x66\x90" },
	{ 3, "\x0f\x1f\x00" },
	{ 4, "\x0f\x1f\x40\x00" },
	{ 5, "\x0f\x1f\x44\x00\x00" },
	{ 6, "\x66\x0f\x1f\x44\x00\x00" },
	{ 7, "\x0f\x1f\x80\x00\x00\x00\x00" },
	{ 8, "\x0f\x1f\x84\x00\x00\x00\x00\x00" },
	{ 9, "\x2e\x0f\x1f\x84\x00\x00\x00\x00\x00" },
	{ 10, "\x66\x2e\x0f\x1f\x84\x00\x00\x00\x00\x00" },
	{ 11, "\x66\x66\x2e\x0f\x1f\x84\x00\x00\x00\x00\x00" },
};

static bool is_nop(const u8 *bytes, u8 len)
{
	for (u32 i = 0; i < ARRAY_SIZE(nops); i++)
		if (nops[i].len == len && !memcmp(nops[i].bytes, bytes, len))
			return true;
	return false;
}

/* The displacement of a branch is the end of it. */
static s64 rel_of(const u8 *bytes, u8 len, u8 rel_bytes)
{
	s32 rel;

	if (rel_bytes == 1)
		return (s8)bytes[len - 1];
	memcpy(&rel, bytes + len - 4, sizeof(rel));
	return rel;
}

static enum form form_of(const u8 *bytes, u8 len)
{
	if (len == 1 && bytes[0] == INT3)
		return FORM_INT3;
	if (len == 1 && bytes[0] == 0xC3)
		return FORM_RET;
	if (len == 5 && bytes[0] == 0xE8)
		return FORM_CALL;
	if ((len == 2 && bytes[0] == 0xEB) || (len == 5 && bytes[0] == 0xE9))
		return FORM_JMP;
	if ((len == 2 && bytes[0] >> 4 == 7) ||
	    (len == 6 && bytes[0] == 0x0F && bytes[1] >> 4 == 8))
		return FORM_JCC;
	return is_nop(bytes, len) ? FORM_NOP : FORM_NONE;
}

struct effect model_effect(const u8 *bytes, size_t max_bytes)
{
	struct effect effect = { .form = FORM_NONE };
	struct insn insn;

	if (insn_decode(&insn, bytes, max_bytes))
		return effect;
	effect.len = insn.len;
	effect.form = form_of(bytes, insn.len);
	if (effect.form == FORM_JCC)
		effect.condition = bytes[insn.len == 2 ? 0 : 1] & 15;
	if (effect.form == FORM_JCC || effect.form == FORM_JMP || effect.form == FORM_CALL)
		effect.rel = rel_of(bytes, insn.len, insn.len == 2 ? 1 : 4);
	return effect;
}

/* By flag masks: SDM vol. 1, appendix B. */
bool model_condition(u64 flags, u8 cc)
{
	static const u64 any_of[8] = { EFLAGS_OF, EFLAGS_CF, EFLAGS_ZF, EFLAGS_CF | EFLAGS_ZF,
				       EFLAGS_SF, EFLAGS_PF, 0,		EFLAGS_ZF };
	bool less = !(flags & EFLAGS_SF) != !(flags & EFLAGS_OF);
	bool holds = (flags & any_of[cc >> 1]) || (cc >= 12 && less);

	return cc & 1 ? !holds : holds;
}

/* ---- The rules ---- */

static bool breaks_length(const struct request *r)
{
	if (!r->len || !r->opcode || r->len > 6)
		return true;
	return r->len == 6 && (r->opcode[0] != 0x0F || r->opcode[1] >> 4 != 8);
}

static bool breaks_text(const struct request *r)
{
	const struct model_range *range = range_at((u64)r->addr - (u64)sim_text);
	size_t offset = (u64)r->addr - (u64)sim_text;

	return !range || r->len > range->offset + range->bytes - offset;
}

/* Does one instruction make up all of it? Those that never fall through may be padded. */
static bool fills(const u8 *bytes, size_t len)
{
	struct effect effect = model_effect(bytes, len);

	if (effect.len == len)
		return true;
	if (effect.form != FORM_RET && effect.form != FORM_JMP)
		return false;
	for (size_t i = effect.len; i < len; i++)
		if (bytes[i] != INT3)
			return false;
	return true;
}

static struct effect emulated(const struct request *r)
{
	return r->emulate ? model_effect(r->emulate, INSN_MAX_BYTES)
			  : model_effect(r->opcode, r->len);
}

static bool breaks_emulate(const struct request *r)
{
	struct effect effect = emulated(r);
	s64 disp = effect.rel + effect.len - (s64)r->len;

	if (effect.form == FORM_NONE || (effect.form == FORM_CALL && r->len != 5))
		return true;
	return effect.form >= FORM_CALL && effect.form <= FORM_JCC && disp != (s32)disp;
}

static bool breaks_overlap(const struct request *r)
{
	for (u32 i = 0; i < model.nr_sites; i++)
		for (size_t at = 0; at < r->len; at++)
			if ((u64)r->addr + at - (u64)model.sites[i].addr < model.sites[i].len)
				return true;
	return false;
}

/* The questions about bytes make sense only where there are some. */
bool model_breaks(enum text_poke_rule rule, const struct request *r)
{
	u64 reach = (u64)r->addr - (u64)_stext + (1ull << 31);

	switch (rule) {
	case TEXT_POKE_RULE_LOCK:
		return !model.locked;
	case TEXT_POKE_RULE_CONTEXT:
		return sim.irqs_off;
	case TEXT_POKE_RULE_LENGTH:
		return breaks_length(r);
	case TEXT_POKE_RULE_REACH:
		return reach >> 32;
	case TEXT_POKE_RULE_TEXT:
		return breaks_text(r);
	default:
		break;
	}
	if (breaks_length(r))
		return false;
	switch (rule) {
	case TEXT_POKE_RULE_NEW_DECODE:
		return !model_effect(r->opcode, r->len).len;
	case TEXT_POKE_RULE_NEW_LENGTH:
		return !fills(r->opcode, r->len);
	case TEXT_POKE_RULE_EMULATE:
		return breaks_emulate(r);
	case TEXT_POKE_RULE_OVERLAP:
		return breaks_overlap(r);
	default:
		break;
	}
	if (breaks_text(r))
		return false;
	switch (rule) {
	case TEXT_POKE_RULE_SITE_DECODE:
		return !model_effect(model.text + (r->addr - sim_text), r->len).len;
	case TEXT_POKE_RULE_SITE_LENGTH:
		return !fills(model.text + (r->addr - sim_text), r->len);
	case TEXT_POKE_RULE_BOUNDARY:
		return !model.starts[r->addr - sim_text];
	default:
		return false;
	}
}

/* ---- The queue, and what a batch writes ---- */

bool model_must_flush(const u8 *addr)
{
	return model.nr_sites == TEXT_POKE_ARRAY_MAX ||
	       (model.nr_sites && model.sites[model.nr_sites - 1].addr > addr);
}

void model_add(const struct request *r)
{
	struct model_site *site = &model.sites[model.nr_sites++];

	*site = (struct model_site){ .addr = r->addr, .len = r->len, .effect = emulated(r) };
	memcpy(site->bytes, r->opcode, r->len);
	/* One instruction from now on, padding and all. */
	memset(model.starts + (r->addr - sim_text) + 1, 0, r->len - 1);
}

bool model_write_int3s(void)
{
	for (u32 i = 0; i < model.nr_sites; i++)
		model.text[model.sites[i].addr - sim_text] = INT3;
	return true;
}

bool model_write_tails(void)
{
	bool any = false;

	for (u32 i = 0; i < model.nr_sites; i++) {
		const struct model_site *site = &model.sites[i];

		memcpy(model.text + (site->addr - sim_text) + 1, site->bytes + 1, site->len - 1);
		any |= site->len > 1;
	}
	return any;
}

bool model_write_heads(void)
{
	bool any = false;

	for (u32 i = 0; i < model.nr_sites; i++) {
		const struct model_site *site = &model.sites[i];

		model.text[site->addr - sim_text] = site->bytes[0];
		any |= site->bytes[0] != INT3;
	}
	return any;
}
