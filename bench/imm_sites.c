/* SPDX-License-Identifier: MIT */
#include "imm_sites.h"

#include "draft.h"
#include "insn.h"
#include "machine.h"
#include "mem.h"
#include "text_patching.h"
#include "x86.h"

/* Byte i of the old form is OLD_BYTE + i, of the new one NEW_BYTE + i, but for opcodes. */
#define OLD_BYTE 0x40
#define NEW_BYTE 0x80

static const struct {
	u8 width;
	u8 opcode_bytes; /* before the first that differs */
} kinds[NR_IMM_KINDS] = {
	[IMM_1] = { 1, 1 }, [IMM_2] = { 2, 1 },	  [IMM_4] = { 4, 1 },
	[IMM_8] = { 8, 2 }, [IMM_16] = { 16, 2 }, [IMM_WHOLE] = { IMM_WHOLE_BYTES, 0 },
};

/* Byte @begin of those that differ is the lowest of an immediate of @nr bytes. */
static u64 immediate(u8 first, u32 begin, u32 nr)
{
	u64 imm = 0;

	for (u32 i = 0; i < nr; i++)
		imm |= (u64)(u8)(first + begin + i) << 8 * i;
	return imm;
}

/* Of the second instruction of IMM_16: where its immediate begins, and how much of it differs. */
#define SECOND_BEGIN 10
#define SECOND_BYTES 6

/* The instructions of one form, and what they leave in the registers. */
static struct imm_ran emit_form(struct assembler *a, enum imm_kind kind, bool new)
{
	u8 first = new ? NEW_BYTE : OLD_BYTE;
	struct imm_ran ran = { 0 };

	if (kind == IMM_WHOLE && new) {
		ran.rdx = immediate(first, 1, 4);
		asm_mov_imm32(a, ASM_RDX, (u32)ran.rdx);
	} else if (kind == IMM_WHOLE) {
		ran.rax = immediate(first, 1, 4);
		asm_mov_imm32(a, ASM_RAX, (u32)ran.rax);
	} else if (kind == IMM_8 || kind == IMM_16) {
		ran.rax = immediate(first, 0, 8);
		asm_mov_imm64(a, ASM_RAX, ran.rax);
	} else {
		ran.rax = immediate(first, 0, kinds[kind].width);
		asm_mov_imm32(a, ASM_RAX, (u32)ran.rax);
	}
	if (kind == IMM_16) {
		ran.rdx = immediate(first, SECOND_BEGIN, SECOND_BYTES);
		asm_mov_imm64(a, ASM_RDX, ran.rdx);
	}
	return ran;
}

/* The bytes that differ, and the registers, of one form. */
static int plan_form(struct imm_sites *s, bool new, u8 *bytes, struct imm_ran *ran)
{
	u8 code[2 * 10];
	struct assembler a;

	asm_begin(&a, code, sizeof(code), 0);
	*ran = emit_form(&a, s->kind, new);
	if (!a.error)
		memcpy(bytes, code + kinds[s->kind].opcode_bytes, s->width);
	return a.error;
}

static void emit_site(struct assembler *a, struct imm_sites *s, u32 i, u64 bytes)
{
	struct imm_site *site = &s->sites[i];

	asm_fill_to(a, bytes - IMM_LEAD_BYTES);
	site->run = (imm_fn)asm_here(a);
	site->bytes = (u8 *)bytes;
	site->addr = site->bytes - kinds[s->kind].opcode_bytes;
	asm_mov_imm(a, ASM_RAX, 0);
	asm_mov_imm(a, ASM_RDX, 0);
	asm_nops_to(a, (u64)site->addr);
	emit_form(a, s->kind, false);
	asm_ret(a);
}

static void emit_stand_ins(struct assembler *a, struct imm_sites *s)
{
	for (u32 new = 0; new < ARRAY_SIZE(s->stand_in); new ++) {
		s->stand_in[new] = (u8 *)asm_here(a);
		emit_form(a, s->kind, new);
		asm_ret(a);
	}
}

/* What stands there is what was planned, and is decoded as one instruction or two. */
static int check_sites(const struct imm_sites *s)
{
	for (u32 i = 0; i < s->nr_sites; i++) {
		const struct imm_site *site = &s->sites[i];
		struct insn insn;

		if (insn_decode(&insn, site->addr, s->region.text_end - site->addr))
			return draft_undecodable(site->addr);
		if (memcmp(site->bytes, s->old, s->width))
			return draft_fail(-ERR_CORRUPT, "a site does not hold its old form");
	}
	return 0;
}

static int register_text(struct imm_sites *s)
{
	const struct region *region = &s->region;

	if (s->kind != IMM_WHOLE)
		return 0;
	if (text_register(region->text, region->pages + region->text_bytes - region->text, NULL))
		return draft_fail(-ERR_NOMEM, "the code region could not be registered");
	s->registered = true;
	return 0;
}

static int emit_all(struct imm_sites *s, struct assembler *a, const u32 *offsets)
{
	for (u32 i = 0; i < s->nr_sites; i++)
		emit_site(a, s, i, (u64)s->region.pages + offsets[i]);
	emit_stand_ins(a, s);
	return a->error;
}

int imm_sites_build(struct imm_sites *ret, enum imm_kind kind, const u32 *offsets, u32 nr_sites)
{
	struct draft draft;
	int err;

	memset(ret, 0, sizeof(*ret));
	ret->kind = kind;
	ret->width = kinds[kind].width;
	ret->nr_sites = nr_sites;
	err = draft_begin(&draft, &ret->region, offsets[nr_sites - 1] + 2 * PAGE_BYTES, PAGE_BYTES,
			  0);
	if (!err)
		err = plan_form(ret, false, ret->old, &ret->ran_old);
	if (!err)
		err = plan_form(ret, true, ret->new, &ret->ran_new);
	ret->sites = machine_alloc(nr_sites * sizeof(*ret->sites));
	if (!err && !ret->sites)
		err = draft_fail(-ERR_NOMEM, "no memory for the sites");
	if (!err)
		err = emit_all(ret, &draft.a, offsets);
	err = draft_finish(&draft, &ret->region, err);
	if (!err)
		err = check_sites(ret);
	return err ? err : register_text(ret);
}

void imm_sites_free(struct imm_sites *s)
{
	if (s->registered)
		text_unregister(s->region.text);
	region_free(&s->region);
	if (s->sites)
		machine_free(s->sites, s->nr_sites * sizeof(*s->sites));
	memset(s, 0, sizeof(*s));
}

enum imm_outcome imm_outcome(const struct imm_sites *s, struct imm_ran ran)
{
	const struct imm_ran *old = &s->ran_old, *new = &s->ran_new;

	if (ran.rax == old->rax && ran.rdx == old->rdx)
		return IMM_RAN_OLD;
	if (ran.rax == new->rax && ran.rdx == new->rdx)
		return IMM_RAN_NEW;
	/* Two instructions, and either may be run in either form. */
	if (s->kind == IMM_16 && (ran.rax == old->rax || ran.rax == new->rax) &&
	    (ran.rdx == old->rdx || ran.rdx == new->rdx))
		return IMM_RAN_EACH;
	return IMM_RAN_TORN;
}

void imm_store(const struct imm_sites *s, u32 i, ptrdiff_t delta, bool new)
{
	const u8 *from = new ? s->new : s->old;
	u8 *to = s->sites[i].bytes + delta;
	u64 v;

	memcpy(&v, from, sizeof(v));
	switch (s->width) {
	case 1:
		store_1(to, (u8)v);
		break;
	case 2:
		store_2(to, (u16)v);
		break;
	case 4:
		store_4(to, (u32)v);
		break;
	case 8:
		store_8(to, v);
		break;
	default:
		store_16(to, from);
	}
}
