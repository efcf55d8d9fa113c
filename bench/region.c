/* SPDX-License-Identifier: MIT */
#include "region.h"

#include "fault.h"
#include "format.h"
#include "insn.h"
#include "machine.h"
#include "machine_text.h"
#include "mem.h"
#include "smp_locks.h"
#include "text_patching.h"

#define RMW_START_VALUE 5

/* Code in the making: where it will stand, and the buffer it is encoded into. */
struct draft {
	struct assembler a;
	u8 *buf;
	size_t bytes;
};

/* Why the last region could not be built; "" when it could. */
static char why[96];

const char *region_why(void)
{
	return why;
}

static int fail(int error, const char *what)
{
	format(why, sizeof(why), "%s", what);
	return error;
}

static int draft_begin(struct draft *draft, struct region *region, size_t bytes)
{
	why[0] = 0;
	memset(region, 0, sizeof(*region));
	draft->bytes = bytes;
	draft->buf = machine_alloc(bytes);
	region->text_bytes = bytes;
	region->text = text_alloc(bytes, PAGE_BYTES);
	if (!draft->buf || !region->text)
		return fail(-ERR_NOMEM, "no memory for a code region");
	asm_begin(&draft->a, draft->buf, bytes, (u64)region->text);
	return 0;
}

/* Copy the draft to its place, if all went well so far; nobody can run it before this returns. */
static int draft_finish(struct draft *draft, struct region *region, int err)
{
	if (!err && draft->a.error)
		err = fail(draft->a.error, "the code region could not be encoded");
	if (!err) {
		if (fault(UNDECODABLE_REGION))
			draft->buf[0] = 0x06; /* no instruction in 64-bit mode */
		region->text_end = region->text + draft->a.len;
		err = text_poke_copy(region->text, draft->buf, draft->a.len);
	}
	if (draft->buf)
		machine_free(draft->buf, draft->bytes);
	return err;
}

static int undecodable(const u8 *p)
{
	format(why, sizeof(why), "code region: %02x %02x %02x %02x at %lx is no instruction", p[0],
	       p[1], p[2], p[3], (u64)p);
	return -ERR_CORRUPT;
}

/* ---- Read-modify-write loops ---- */

/* Separate registers, so that on eight lines nothing but the lines orders the operations. */
static const enum asm_reg line_reg[REGION_LINES] = { ASM_RCX, ASM_RDX, ASM_R8,	ASM_R9,
						     ASM_R10, ASM_R11, ASM_RBX, ASM_RBP };

static void emit_ops(struct assembler *a, enum asm_rmw op, bool lock, u32 nr_lines, u32 nr_ops)
{
	for (u32 i = 0; i < nr_ops; i++) {
		u32 line = i % nr_lines;

		asm_rmw(a, op, lock, ASM_RDI, line * CACHE_LINE_BYTES, line_reg[line]);
	}
}

static void emit_rmw_loop(struct assembler *a, enum asm_rmw op, bool lock, u32 nr_lines, u32 nr_ops)
{
	u64 loop;

	asm_push(a, ASM_RBX);
	asm_push(a, ASM_RBP);
	asm_mov_imm(a, ASM_RAX, RMW_START_VALUE);
	for (u32 line = 0; line < REGION_LINES; line++)
		asm_mov_imm(a, line_reg[line], RMW_START_VALUE);
	asm_align(a, CACHE_LINE_BYTES);
	loop = asm_here(a);
	emit_ops(a, op, lock, nr_lines, nr_ops);
	asm_sub_imm(a, ASM_RSI, 1);
	asm_jnz(a, ASM_NEAR, loop);
	asm_pop(a, ASM_RBP);
	asm_pop(a, ASM_RBX);
	asm_ret(a);
}

/*
 * Decode what really stands in text, one instruction after the other, and note every LOCK prefix in
 * the table, which has room for one an operation. Return: 0 when the region is what was planned.
 */
static int check_rmw(struct region *region, u32 nr_planned)
{
	struct insn insn;
	u32 nr = 0;

	for (u8 *p = region->text; p < region->text_end; p += insn.len) {
		if (insn_decode(&insn, p, region->text_end - p))
			return undecodable(p);
		if (!insn.has_lock)
			continue;
		if (nr == nr_planned)
			return fail(-ERR_CORRUPT, "code region: a LOCK prefix too many");
		region->locks[nr] = (s32)(p + insn.lock_offset - (u8 *)&region->locks[nr]);
		nr++;
	}
	region->locks_end = region->locks + nr;
	return nr == nr_planned ? 0 : fail(-ERR_CORRUPT, "code region: a LOCK prefix is missing");
}

static int alloc_lock_table(struct region *region, u32 nr_locks)
{
	if (!nr_locks)
		return 0;
	region->locks_bytes = nr_locks * sizeof(s32);
	region->locks = text_near_alloc(region->locks_bytes);
	return region->locks ? 0 : fail(-ERR_NOMEM, "no memory for a lock table");
}

/* The longest operation here: F0 REX.W 0F C1 modrm disp32 = 9, plus an imm8. */
#define RMW_MAX_BYTES 12
#define RMW_FRAME_BYTES 256

int region_build_rmw(struct region *ret, enum asm_rmw op, bool lock, u32 nr_lines, u32 nr_ops)
{
	u32 nr_locks = lock ? nr_ops : 0;
	struct draft draft;
	int err = draft_begin(&draft, ret, nr_ops * RMW_MAX_BYTES + RMW_FRAME_BYTES);

	if (!err) {
		emit_rmw_loop(&draft.a, op, lock, nr_lines, nr_ops);
		ret->nr_ops = nr_ops;
	}
	err = draft_finish(&draft, ret, err);
	if (!err)
		err = alloc_lock_table(ret, nr_locks);
	if (!err)
		err = check_rmw(ret, nr_locks);
	if (err)
		region_free(ret);
	return err;
}

void region_free(struct region *region)
{
	if (region->locks)
		text_near_free(region->locks, region->locks_bytes);
	if (region->text)
		text_free(region->text, region->text_bytes);
	memset(region, 0, sizeof(*region));
}

/* ---- Sites ---- */

const char *site_form_name(enum site_form form)
{
	static const char *const names[NR_SITE_FORMS] = {
		[SITE_NOP5_JMP32] = "nop5-jmp32", [SITE_NOP2_JMP8] = "nop2-jmp8",
		[SITE_CALL_CALL] = "call-call",	  [SITE_NOP1_RET] = "nop1-ret",
		[SITE_NOP2_JZ8] = "nop2-jz8",	  [SITE_JZ32_JZ32] = "jz32-jz32",
	};

	return form < NR_SITE_FORMS ? names[form] : "?";
}

static const u8 site_len[NR_SITE_FORMS] = {
	[SITE_NOP5_JMP32] = 5, [SITE_NOP2_JMP8] = 2, [SITE_CALL_CALL] = 5,
	[SITE_NOP1_RET] = 1,   [SITE_NOP2_JZ8] = 2,  [SITE_JZ32_JZ32] = 6,
};

/* One cell: the site, what it leads to when old, what it leads to when new. */
struct cell {
	u64 site, old, new, next;
};

static void count_old(struct assembler *a)
{
	asm_rmw(a, ASM_RMW_INC, false, ASM_RDI, offsetof(struct tokens, old), ASM_RAX);
}

static void count_new(struct assembler *a)
{
	asm_rmw(a, ASM_RMW_INC, false, ASM_RDI, offsetof(struct tokens, new), ASM_RAX);
}

/* The site in one of its forms; also used to make the bytes of the other one. */
static void emit_site(struct assembler *a, enum site_form form, const struct cell *cell, bool new)
{
	if (form == SITE_CALL_CALL)
		asm_call(a, new ? cell->new : cell->old);
	else if (form == SITE_JZ32_JZ32)
		asm_jz(a, ASM_NEAR, new ? cell->new : cell->old);
	else if (!new)
		asm_nop(a, site_len[form]);
	else if (form == SITE_NOP5_JMP32)
		asm_jmp(a, ASM_NEAR, cell->new);
	else if (form == SITE_NOP2_JMP8)
		asm_jmp(a, ASM_SHORT, cell->new);
	else if (form == SITE_NOP1_RET)
		asm_ret(a);
	else
		asm_jz(a, ASM_SHORT, cell->new);
}

/*
 * What must stand before a site. RET leads to what the stack says, so its cell pushes the new path
 * first and takes it off again on the old one; both leave the stack as it was. JZ jumps on ZF.
 */
#define LEA_BYTES 7
#define PUSH_RAX_BYTES 1
#define XOR_EAX_BYTES 2

static bool is_jz(enum site_form form)
{
	return form == SITE_NOP2_JZ8 || form == SITE_JZ32_JZ32;
}

static u64 cell_lead_bytes(enum site_form form)
{
	if (form == SITE_NOP1_RET)
		return LEA_BYTES + PUSH_RAX_BYTES;
	return is_jz(form) ? XOR_EAX_BYTES : 0;
}

static void emit_lead(struct assembler *a, enum site_form form, const struct cell *cell)
{
	if (form == SITE_NOP1_RET) {
		asm_lea(a, ASM_RAX, cell->new);
		asm_push(a, ASM_RAX);
	} else if (is_jz(form)) {
		asm_zero_eax(a);
	}
}

/*
 * Behind a CALL site stands the jump that both callees return to; behind a JZ that is taken in both
 * forms the same jump leaves without a token, which a victim reports. Other old paths fall through.
 */
static void emit_paths(struct assembler *a, enum site_form form, struct cell *cell)
{
	if (form == SITE_CALL_CALL || form == SITE_JZ32_JZ32)
		asm_jmp(a, ASM_NEAR, cell->next);
	cell->old = asm_here(a);
	if (form == SITE_NOP1_RET)
		asm_pop(a, ASM_RAX);
	count_old(a);
	if (form == SITE_CALL_CALL)
		asm_ret(a);
	else
		asm_jmp(a, ASM_NEAR, cell->next);
	cell->new = asm_here(a);
	count_new(a);
	if (form == SITE_CALL_CALL)
		asm_ret(a);
	else
		asm_jmp(a, ASM_NEAR, cell->next);
}

/*
 * NOP5 against JMP32 is how compilers lay out a rarely taken branch: the old path falls through to
 * the next site, the new one stands far from the sites and jumps back.
 */
#define COLD_STRIDE_BYTES 16

static bool is_out_of_line(enum site_form form)
{
	return form == SITE_NOP5_JMP32;
}

static void emit_hot(struct assembler *a, enum site_form form, struct cell *cell)
{
	cell->site = asm_here(a);
	emit_site(a, form, cell, false);
	count_old(a);
	asm_nops_to(a, cell->next);
}

static void emit_cold(struct assembler *a, u64 next)
{
	count_new(a);
	asm_jmp(a, ASM_NEAR, next);
}

/*
 * Two passes over a cell: the first one, on a copy of the assembler, only to learn where the paths
 * will stand; sizes do not depend on targets, since every branch has a fixed width.
 */
static void emit_cell(struct assembler *a, enum site_form form, struct cell *cell)
{
	u64 near = asm_here(a); /* a target that every width reaches, for the first pass */
	struct assembler trial = *a;

	cell->old = cell->new = near;
	emit_lead(&trial, form, cell);
	emit_site(&trial, form, cell, false);
	emit_paths(&trial, form, cell);

	emit_lead(a, form, cell);
	cell->site = asm_here(a);
	emit_site(a, form, cell, false);
	emit_paths(a, form, cell);
}

/* The bytes of both forms of one site, as they would stand at its address. */
static int site_bytes(struct site *site, enum site_form form, const struct cell *cell)
{
	struct assembler a;

	site->addr = (u8 *)cell->site;
	site->len = site_len[form];
	asm_begin(&a, site->old, sizeof(site->old), cell->site);
	emit_site(&a, form, cell, false);
	if (a.error || a.len != site->len)
		return a.error ? a.error : -ERR_CORRUPT;
	asm_begin(&a, site->new, sizeof(site->new), cell->site);
	emit_site(&a, form, cell, true);
	return a.error || a.len == site->len ? a.error : -ERR_CORRUPT;
}

static int emit_sites(struct site_region *ret, struct assembler *a, enum site_form form, u32 stride,
		      u32 offset)
{
	u64 first = asm_here(a) + stride + offset;
	u64 end = first + (u64)ret->nr_sites * stride - cell_lead_bytes(form);
	int err = 0;

	asm_jmp(a, ASM_NEAR, first - cell_lead_bytes(form));
	for (u32 i = 0; i < ret->nr_sites && !err && !a->error; i++) {
		u64 lead = first + (u64)i * stride - cell_lead_bytes(form);
		struct cell cell = { .next = lead + stride };

		asm_fill_to(a, lead);
		if (is_out_of_line(form)) {
			cell.new = end + COLD_STRIDE_BYTES *(i + 1);
			emit_hot(a, form, &cell);
		} else {
			emit_cell(a, form, &cell);
		}
		err = a->error ? a->error : site_bytes(&ret->sites[i], form, &cell);
	}
	asm_fill_to(a, end);
	asm_ret(a);
	for (u32 i = 0; i < ret->nr_sites && is_out_of_line(form); i++) {
		asm_fill_to(a, end + COLD_STRIDE_BYTES * (i + 1));
		emit_cold(a, first + (u64)(i + 1) * stride);
	}
	return err ? err : a->error;
}

/* Each site holds its old form, and both forms decode to its length. */
static int check_site(const struct site *site)
{
	struct insn insn;

	if (insn_decode(&insn, site->addr, site->len))
		return undecodable(site->addr);
	if (insn.len != site->len || memcmp(site->addr, site->old, site->len))
		return fail(-ERR_CORRUPT, "code region: a site does not hold its old form");
	if (insn_decode(&insn, site->new, site->len) || insn.len != site->len)
		return fail(-ERR_CORRUPT, "code region: the new form of a site does not decode");
	return 0;
}

/* The paths between sites decode too; INT3s up to the next lead are never reached, and decode. */
static int check_sites(const struct site_region *region)
{
	const u8 *end = region->region.text_end;
	struct insn insn;
	int err = 0;

	for (const u8 *p = region->region.text; p < end; p += insn.len)
		if (insn_decode(&insn, p, end - p))
			return undecodable(p);
	for (u32 i = 0; i < region->nr_sites && !err; i++)
		err = check_site(&region->sites[i]);
	return err;
}

int region_build_sites(struct site_region *ret, enum site_form form, u32 nr_sites, u32 stride_bytes,
		       u32 offset_bytes)
{
	size_t bytes = (size_t)(nr_sites + 1) * (stride_bytes + COLD_STRIDE_BYTES) + offset_bytes +
		       SITE_STRIDE_BYTES;
	struct draft draft;
	int err;

	memset(ret, 0, sizeof(*ret));
	err = draft_begin(&draft, &ret->region, bytes);
	ret->nr_sites = nr_sites;
	ret->sites = machine_alloc(nr_sites * sizeof(*ret->sites));
	if (!err && !ret->sites)
		err = fail(-ERR_NOMEM, "no memory for the sites");
	if (!err)
		err = emit_sites(ret, &draft.a, form, stride_bytes, offset_bytes);
	err = draft_finish(&draft, &ret->region, err);
	if (!err)
		err = check_sites(ret);
	if (!err && text_register(ret->region.text, ret->region.text_bytes, NULL))
		err = fail(-ERR_NOMEM, "the code region could not be registered");
	if (err)
		site_region_free(ret);
	return err;
}

void site_region_free(struct site_region *region)
{
	if (region->region.text)
		text_unregister(region->region.text);
	region_free(&region->region);
	if (region->sites)
		machine_free(region->sites, region->nr_sites * sizeof(*region->sites));
	memset(region, 0, sizeof(*region));
}
