/* SPDX-License-Identifier: MIT */
/*
 * Read-modify-write loops, and what all regions have in common. Sites: region_sites.c.
 */
#include "region.h"

#include "draft.h"
#include "format.h"
#include "hash.h"
#include "insn.h"
#include "machine.h"
#include "machine_text.h"
#include "mem.h"
#include "module_load.h"
#include "x86.h"

/* Separate registers, so that on eight lines nothing but the lines orders the operations. */
static const enum asm_reg line_reg[REGION_LINES] = { ASM_RCX, ASM_RDX, ASM_R8,	ASM_R9,
						     ASM_R10, ASM_R11, ASM_RBX, ASM_RBP };

enum asm_reg region_line_reg(u32 line)
{
	return line_reg[line % REGION_LINES];
}

/*
 * Decode what really stands in text, one instruction after the other, and note every LOCK prefix in
 * the table, which has room for as many as were encoded. Return: 0 when the region is what was
 * planned.
 */
static int check_locks(struct region *region, u32 nr_planned)
{
	struct insn insn;
	u32 nr = 0;

	for (u8 *p = region->text; p < region->text_end; p += insn.len) {
		if (insn_decode(&insn, p, region->text_end - p))
			return draft_undecodable(p);
		if (!insn.has_lock)
			continue;
		if (nr == nr_planned)
			return draft_fail(-ERR_CORRUPT, "code region: a LOCK prefix too many");
		region->locks[nr] = (s32)(p + insn.lock_offset - (u8 *)&region->locks[nr]);
		nr++;
	}
	region->locks_end = region->locks + nr;
	return nr == nr_planned ? 0
				: draft_fail(-ERR_CORRUPT, "code region: a LOCK prefix is missing");
}

static int alloc_lock_table(struct region *region, u32 nr_locks)
{
	if (!nr_locks)
		return 0;
	region->locks_bytes = nr_locks * sizeof(s32);
	region->locks = text_near_alloc(region->locks_bytes);
	return region->locks ? 0 : draft_fail(-ERR_NOMEM, "no memory for a lock table");
}

/* The longest operation here: F0 REX.W 0F C1 modrm disp32 = 9, plus an imm8. */
#define RMW_MAX_BYTES 12
#define RMW_FRAME_BYTES 256

int region_finish_locks(struct draft *draft, struct region *ret, int err)
{
	u32 nr_locks = draft->a.nr_locks;

	err = draft_finish(draft, ret, err);
	if (!err)
		err = alloc_lock_table(ret, nr_locks);
	if (!err)
		err = check_locks(ret, nr_locks);
	if (!err)
		err = region_load(ret, "loop", ret->text_end, NULL);
	if (err)
		region_free(ret);
	return err;
}

static void emit_loop(struct assembler *a, struct region *ret, region_emit emit, const void *arg)
{
	u64 loop;

	asm_push(a, ASM_RBX);
	asm_push(a, ASM_RBP);
	asm_zero_eax(a); /* and carry */
	asm_mov_imm(a, ASM_RAX, REGION_START_VALUE);
	for (u32 line = 0; line < REGION_LINES; line++)
		asm_mov_imm(a, line_reg[line], REGION_START_VALUE);
	asm_align(a, CACHE_LINE_BYTES);
	loop = asm_here(a);
	for (u32 i = 0; i < ret->nr_ops; i++)
		emit(a, arg, i);
	ret->body = (const u8 *)loop;
	ret->body_end = (const u8 *)asm_here(a);
	asm_sub_imm(a, ASM_RSI, 1);
	asm_jnz(a, ASM_NEAR, loop);
	asm_pop(a, ASM_RBP);
	asm_pop(a, ASM_RBX);
	asm_ret(a);
}

int region_build_loop(struct region *ret, u32 nr_ops, region_emit emit, const void *arg)
{
	struct draft draft;
	int err = draft_begin(&draft, ret, nr_ops * RMW_MAX_BYTES + RMW_FRAME_BYTES, PAGE_BYTES, 0);

	if (!err) {
		ret->nr_ops = nr_ops;
		emit_loop(&draft.a, ret, emit, arg);
	}
	return region_finish_locks(&draft, ret, err);
}

struct rmw {
	enum asm_rmw op;
	bool lock;
	u32 nr_lines;
};

static void emit_rmw(struct assembler *a, const void *arg, u32 i)
{
	const struct rmw *rmw = arg;
	u32 line = i % rmw->nr_lines;

	asm_rmw(a, rmw->op, rmw->lock, ASM_RDI, line * CACHE_LINE_BYTES, region_line_reg(line));
}

int region_build_rmw(struct region *ret, enum asm_rmw op, bool lock, u32 nr_lines, u32 nr_ops)
{
	struct rmw rmw = { op, lock, nr_lines };

	return region_build_loop(ret, nr_ops, emit_rmw, &rmw);
}

int region_build_locks(struct region *ret, u32 nr_locks, u32 stride_bytes)
{
	size_t bytes = (size_t)nr_locks * stride_bytes + RMW_FRAME_BYTES;
	struct draft draft;
	int err = draft_begin(&draft, ret, bytes, PAGE_BYTES, 0);

	for (u32 i = 0; i < nr_locks && !err; i++) {
		asm_rmw(&draft.a, ASM_RMW_INC, true, ASM_RDI, 0, ASM_RAX);
		asm_nops_to(&draft.a, draft.a.base + (u64)(i + 1) * stride_bytes);
	}
	if (!err)
		asm_ret(&draft.a);
	ret->nr_ops = nr_locks;
	return region_finish_locks(&draft, ret, err);
}

/* A number for each, so that no two modules have one name. */
static int load(struct region *region, const char *kind, const u8 *end, struct module_info *info)
{
	static u32 nr_loaded;
	char name[MODULE_NAME_BYTES];
	struct module_load_report report;
	int err;

	format(name, sizeof(name), "%s-%u", kind, ++nr_loaded);
	info->name = name;
	info->text = region->text;
	info->text_end = end;
	err = module_load(region->module, info, MODULE_INSERT_RCU, &report);
	if (report.bad)
		return draft_undecodable(report.bad);
	return err ? draft_fail(err, module_step_name(report.step)) : 0;
}

int region_load(struct region *region, const char *kind, const u8 *end,
		const struct module_info *tables)
{
	struct module_info info = tables ? *tables : (struct module_info){ 0 };

	region->module = machine_alloc(sizeof(*region->module));
	if (!region->module)
		return draft_fail(-ERR_NOMEM, "no memory for a module");
	return load(region, kind, end, &info);
}

/* Return: false when its memory must stay: a look-up of another CPU may stand on it. */
static bool unload(struct region *region)
{
	struct module *mod = region->module;

	if (mod && mod->state != MODULE_UNUSED && module_unload(mod, NULL))
		return false;
	if (mod)
		machine_free(mod, sizeof(*mod));
	return true;
}

u64 region_hash(const struct region *region)
{
	return hash_bytes(HASH_START, region->text, region->text_end - region->text);
}

void region_free(struct region *region)
{
	if (unload(region)) {
		if (region->locks)
			text_near_free(region->locks, region->locks_bytes);
		if (region->pages)
			text_free(region->pages, region->text_bytes);
	}
	memset(region, 0, sizeof(*region));
}
