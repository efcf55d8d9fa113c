/* SPDX-License-Identifier: MIT */
#include "region_sequences.h"

#include "draft.h"
#include "machine.h"
#include "machine_text.h"
#include "mem.h"
#include "module_load.h"
#include "region_locks.h"
#include "text_patching.h"

#define CODE_BYTES 256
#define UP_MAX_BYTES 32
#define SAVED_MAX_BYTES 32

enum sequence {
	SPINLOCK,
	SEMAPHORE,
	NR_SEQUENCES,
};

#define NR_LOCKS 2

struct sequences {
	struct smp_altinstr records[NR_SEQUENCES];
	u8 up[NR_SEQUENCES][UP_MAX_BYTES];
	u8 saved[NR_SEQUENCES][SAVED_MAX_BYTES];
};

/* Where things stand. Known once the code has been encoded, and needed before. */
struct layout {
	u64 loop, down, slow;
	u64 site[NR_SEQUENCES], site_end[NR_SEQUENCES];
	u64 lock[NR_LOCKS];
};

#define WORD(member) asm_mem(ASM_RDI, (s32)offsetof(struct guarded, member))

/* again: xor eax, eax; lock cmpxchg; jz out; pause; jmp again; out: */
static void emit_spin_lock(struct assembler *a, struct layout *layout)
{
	u64 again = asm_here(a);

	layout->site[SPINLOCK] = again;
	asm_zero_eax(a);
	asm_locked(a, true, ASM_CMPXCHG, 8, WORD(spinlock), asm_reg(ASM_RCX));
	asm_jz(a, ASM_SHORT, asm_here(a) + 3 * 2);
	asm_insn(a, ASM_PAUSE, 0, asm_none(), asm_none());
	asm_jmp(a, ASM_SHORT, again);
	layout->site_end[SPINLOCK] = asm_here(a);
}

static void emit_down(struct assembler *a, struct layout *layout)
{
	layout->down = layout->site[SEMAPHORE] = asm_here(a);
	asm_locked(a, true, ASM_DEC, 8, WORD(semaphore), asm_none());
	asm_jump_if(a, ASM_IF_SIGN, layout->slow);
	layout->site_end[SEMAPHORE] = asm_here(a);
}

static void emit_up(struct assembler *a, u64 *ret_lock)
{
	*ret_lock = asm_here(a);
	asm_locked(a, true, ASM_INC, 8, WORD(semaphore), asm_none());
}

static void emit_loop(struct assembler *a, struct layout *layout)
{
	asm_mov_imm(a, ASM_RCX, 1);
	layout->loop = asm_here(a);
	emit_spin_lock(a, layout);
	asm_insn(a, ASM_INC, 8, WORD(under_spinlock), asm_none());
	asm_insn(a, ASM_MOV, 8, WORD(spinlock), asm_imm(0));
	emit_down(a, layout);
	asm_insn(a, ASM_INC, 8, WORD(under_semaphore), asm_none());
	emit_up(a, &layout->lock[0]);
	asm_sub_imm(a, ASM_RSI, 1);
	asm_jnz(a, ASM_NEAR, layout->loop);
	asm_ret(a);
	/* Whoever came too late takes it back, and tries again. */
	layout->slow = asm_here(a);
	emit_up(a, &layout->lock[1]);
	asm_insn(a, ASM_PAUSE, 0, asm_none(), asm_none());
	asm_jmp(a, ASM_NEAR, layout->down);
}

static int encode(struct sequence_region *ret, struct layout *layout)
{
	struct draft draft;
	int err = draft_begin(&draft, &ret->region, CODE_BYTES, PAGE_BYTES, 0);

	if (!err) {
		layout->slow = (u64)ret->region.text;
		emit_loop(&draft.a, layout);
		asm_begin(&draft.a, draft.buf, draft.bytes, (u64)ret->region.text);
		emit_loop(&draft.a, layout);
	}
	return draft_finish(&draft, &ret->region, err);
}

static int note_locks(struct region *region, const struct layout *layout)
{
	region->locks_bytes = NR_LOCKS * sizeof(s32);
	region->locks = text_near_alloc(region->locks_bytes);
	if (!region->locks)
		return draft_fail(-ERR_NOMEM, "no memory for a lock table");
	for (u32 i = 0; i < NR_LOCKS; i++)
		region->locks[i] = (s32)(layout->lock[i] - (u64)&region->locks[i]);
	region->locks_end = region->locks + NR_LOCKS;
	region->nr_ops = NR_LOCKS;
	return 0;
}

/* The UP forms, encoded where they lie. Return: their lengths, in @ret_len. */
static int encode_up(struct sequences *tables, const struct layout *layout,
		     u8 ret_len[NR_SEQUENCES])
{
	struct assembler spinlock, semaphore;

	asm_begin(&spinlock, tables->up[SPINLOCK], UP_MAX_BYTES, (u64)tables->up[SPINLOCK]);
	asm_insn(&spinlock, ASM_MOV, 8, WORD(spinlock), asm_reg(ASM_RCX));
	asm_begin(&semaphore, tables->up[SEMAPHORE], UP_MAX_BYTES, (u64)tables->up[SEMAPHORE]);
	asm_insn(&semaphore, ASM_DEC, 8, WORD(semaphore), asm_none());
	asm_jump_if(&semaphore, ASM_IF_SIGN, layout->slow);
	ret_len[SPINLOCK] = (u8)spinlock.len;
	ret_len[SEMAPHORE] = (u8)semaphore.len;
	return spinlock.error ? spinlock.error : semaphore.error;
}

static void fill_record(struct sequences *tables, const struct layout *layout, enum sequence i,
			u8 up_len)
{
	struct smp_altinstr *record = &tables->records[i];

	record->instr_offset = (s32)(layout->site[i] - (u64)&record->instr_offset);
	record->replacement_offset = (s32)((u64)tables->up[i] - (u64)&record->replacement_offset);
	record->saved_offset = (s32)((u64)tables->saved[i] - (u64)&record->saved_offset);
	record->instrlen = (u8)(layout->site_end[i] - layout->site[i]);
	record->replacementlen = up_len;
}

static int make_tables(struct sequence_region *ret, const struct layout *layout)
{
	u8 up_len[NR_SEQUENCES];

	ret->tables = text_near_alloc(sizeof(*ret->tables));
	if (!ret->tables)
		return draft_fail(-ERR_NOMEM, "no memory for tables");
	if (encode_up(ret->tables, layout, up_len))
		return draft_fail(-ERR_CORRUPT, "a UP form could not be encoded");
	for (u32 i = 0; i < NR_SEQUENCES; i++)
		fill_record(ret->tables, layout, i, up_len[i]);
	ret->table = (struct smp_altinstr_table){
		.start = ret->tables->records,
		.end = ret->tables->records + NR_SEQUENCES,
		.text = ret->region.text,
		.text_end = ret->region.text_end,
		.up = ret->tables->up[0],
		.up_end = ret->tables->up[NR_SEQUENCES],
		.saved = ret->tables->saved[0],
		.saved_end = ret->tables->saved[NR_SEQUENCES],
	};
	return 0;
}

static int load(struct sequence_region *ret)
{
	const struct module_info tables = {
		.locks = { ret->region.locks, ret->region.locks_end },
	};

	return region_load(&ret->region, "sequences", ret->region.text_end, &tables);
}

static int save(struct sequence_region *ret)
{
	struct smp_altinstr_result result;
	int err;

	text_mutex_lock();
	err = alternatives_smp_save(&ret->table, &result);
	text_mutex_unlock();
	return err ? draft_fail(err, result.why ? result.why : "the SMP form cannot be kept") : 0;
}

int region_build_sequences(struct sequence_region *ret)
{
	struct layout layout;
	int err;

	memset(ret, 0, sizeof(*ret));
	err = encode(ret, &layout);
	if (!err)
		err = note_locks(&ret->region, &layout);
	if (!err)
		err = make_tables(ret, &layout);
	if (!err)
		err = load(ret);
	return err ? err : save(ret);
}

void sequence_region_free(struct sequence_region *region)
{
	region_free(&region->region);
	if (region->tables)
		text_near_free(region->tables, sizeof(*region->tables));
	memset(region, 0, sizeof(*region));
}

/* Return: 0, or an error with *ret_why. */
static int switch_all(struct sequence_region *region, bool smp, const char **ret_why)
{
	struct smp_altinstr_result sequences;
	struct smp_locks_result locks;
	int err = region_locks_switch(&region->region, smp, SMP_UP_DS, &locks);

	*ret_why = "LOCKs that are none";
	if (!err && locks.nr_changed + locks.nr_already != NR_LOCKS)
		err = -ERR_VERIFY;
	if (err)
		return err;
	*ret_why = "sequences refused";
	return smp ? alternatives_smp_apply(&region->table, &sequences)
		   : alternatives_up_apply(&region->table, &sequences);
}

int sequences_to(struct bench_run *run, struct sequence_region *region, bool smp)
{
	const char *why;
	int err;

	text_mutex_lock();
	err = switch_all(region, smp, &why);
	text_mutex_unlock();
	return err ? bench_fail(run, err, "the region could not be switched: %s", why) : 0;
}
