/* SPDX-License-Identifier: MIT */
#include "cell.h"

#include "machine.h"

static const struct {
	const char *name;
	u8 len;
} forms[NR_ALL_SITE_FORMS] = {
	[SITE_NOP5_JMP32] = { "nop5-jmp32", 5 }, [SITE_NOP2_JMP8] = { "nop2-jmp8", 2 },
	[SITE_CALL_CALL] = { "call-call", 5 },	 [SITE_NOP1_RET] = { "nop1-ret", 1 },
	[SITE_NOP2_JZ8] = { "nop2-jz8", 2 },	 [SITE_JZ32_JZ32] = { "jz32-jz32", 6 },
	[SITE_JMP32_CALL] = { "jmp32-call", 5 }, [SITE_JZ32_JNS32] = { "jz32-jns32", 6 },
	[SITE_CALL_FUNC] = { "call-func", 5 },	 [SITE_NOP5_CALL] = { "nop5-call", 5 },
};

const char *site_form_name(enum site_form form)
{
	return form < NR_ALL_SITE_FORMS ? forms[form].name : "?";
}

u32 site_form_len(enum site_form form)
{
	return form < NR_ALL_SITE_FORMS ? forms[form].len : 0;
}

static void count_old(struct assembler *a)
{
	asm_rmw(a, ASM_RMW_INC, false, ASM_RDI, offsetof(struct tokens, old), ASM_RAX);
}

static void count_new(struct assembler *a)
{
	asm_rmw(a, ASM_RMW_INC, false, ASM_RDI, offsetof(struct tokens, new), ASM_RAX);
}

static void emit_old_form(struct assembler *a, enum site_form form, const struct cell *cell)
{
	if (form == SITE_CALL_CALL || form == SITE_CALL_FUNC)
		asm_call(a, cell->old);
	else if (form == SITE_JMP32_CALL)
		asm_jmp(a, ASM_NEAR, cell->old);
	else if (form == SITE_JZ32_JZ32 || form == SITE_JZ32_JNS32)
		asm_jz(a, ASM_NEAR, cell->old);
	else
		asm_nop(a, forms[form].len);
}

static void emit_new_form(struct assembler *a, enum site_form form, const struct cell *cell)
{
	switch (form) {
	case SITE_NOP5_JMP32:
		asm_jmp(a, ASM_NEAR, cell->new);
		break;
	case SITE_NOP2_JMP8:
		asm_jmp(a, ASM_SHORT, cell->new);
		break;
	case SITE_NOP1_RET:
		asm_ret(a);
		break;
	case SITE_NOP2_JZ8:
		asm_jz(a, ASM_SHORT, cell->new);
		break;
	case SITE_JZ32_JZ32:
		asm_jz(a, ASM_NEAR, cell->new);
		break;
	case SITE_JZ32_JNS32:
		asm_jns(a, ASM_NEAR, cell->new);
		break;
	default:
		asm_call(a, cell->new);
	}
}

/*
 * What must stand before a site. RET leads to what the stack says, so its cell pushes the new path
 * first and takes it off again on the old one; both leave the stack as it was. JZ jumps on ZF, and
 * JNS on a clear SF: the same instruction sees to both.
 */
#define LEA_BYTES 7
#define PUSH_RAX_BYTES 1
#define XOR_EAX_BYTES 2

static bool is_jcc(enum site_form form)
{
	return form == SITE_NOP2_JZ8 || form == SITE_JZ32_JZ32 || form == SITE_JZ32_JNS32;
}

u64 cell_lead_bytes(enum site_form form)
{
	if (form == SITE_NOP1_RET)
		return LEA_BYTES + PUSH_RAX_BYTES;
	return is_jcc(form) ? XOR_EAX_BYTES : 0;
}

static void emit_lead(struct assembler *a, enum site_form form, const struct cell *cell)
{
	if (form == SITE_NOP1_RET) {
		asm_lea(a, ASM_RAX, cell->new);
		asm_push(a, ASM_RAX);
	} else if (is_jcc(form)) {
		asm_zero_eax(a);
	}
}

/*
 * A JMP and a CALL that came to the wrong one of their paths must show, also at the last site: so
 * the CALL counts where it has come back to, and the JMP has no way there.
 */
static bool counts_when_back(enum site_form form)
{
	return form == SITE_JMP32_CALL;
}

/*
 * What stands right behind a site that the old form does not fall through: a CALL comes back there.
 * The short jump is such that a CPU which comes back one byte late is trapped. A Jcc that is taken
 * in both forms would leave there without a token, which a victim reports.
 */
static void emit_behind(struct assembler *a, enum site_form form, const struct cell *cell)
{
	if (counts_when_back(form))
		asm_jmp(a, ASM_SHORT, cell->back);
	else if (form == SITE_CALL_CALL || form == SITE_JZ32_JZ32 || form == SITE_JZ32_JNS32)
		asm_jmp(a, ASM_NEAR, cell->next);
}

static void emit_back(struct assembler *a, enum site_form form, struct cell *cell)
{
	if (!counts_when_back(form))
		return;
	/* INT3 where the old JMP leads with the lowest byte of the new CALL. */
	asm_fill_to(a, cell->site + forms[form].len + FAR_DISP_LOW + 1);
	cell->back = asm_here(a);
	count_new(a);
	asm_jmp(a, ASM_NEAR, cell->next);
}

static void emit_old_path(struct assembler *a, enum site_form form, const struct cell *cell)
{
	if (form == SITE_NOP1_RET)
		asm_pop(a, ASM_RAX);
	count_old(a);
	if (form == SITE_CALL_CALL)
		asm_ret(a);
	else
		asm_jmp(a, ASM_NEAR, cell->next);
}

void cell_emit_new_path(struct assembler *a, enum site_form form, const struct cell *cell)
{
	if (!counts_when_back(form))
		count_new(a);
	if (form == SITE_CALL_CALL || form == SITE_JMP32_CALL)
		asm_ret(a);
	else
		asm_jmp(a, ASM_NEAR, cell->next);
}

/*
 * The displacement of short jumps. 66 is the first byte of a NOP2, and 66 0E is no instruction: a
 * CPU that runs the first byte of one form with the second of the other is trapped.
 */
#define SHORT_DISP 0x0E
#define SHORT_BYTES 2

static void emit_paths(struct assembler *a, enum site_form form, struct cell *cell)
{
	emit_behind(a, form, cell);
	cell->old = asm_here(a);
	emit_old_path(a, form, cell);
	emit_back(a, form, cell);
	if (cell->new_is_far)
		return;
	if (forms[form].len == SHORT_BYTES)
		asm_fill_to(a, cell->site + SHORT_BYTES + SHORT_DISP);
	cell->new = asm_here(a);
	cell_emit_new_path(a, form, cell);
}

/*
 * Two passes over a cell: the first one, on a copy of the assembler, only to learn where the paths
 * will stand; sizes do not depend on targets, since every branch has a fixed width.
 */
void cell_emit(struct assembler *a, enum site_form form, struct cell *cell)
{
	u64 near = asm_here(a); /* a target that every width reaches, for the first pass */
	struct assembler trial = *a;

	cell->old = cell->back = near;
	if (!cell->new_is_far)
		cell->new = near;
	emit_lead(&trial, form, cell);
	cell->site = asm_here(&trial);
	emit_old_form(&trial, form, cell);
	emit_paths(&trial, form, cell);

	emit_lead(a, form, cell);
	emit_old_form(a, form, cell);
	emit_paths(a, form, cell);
}

bool cell_has_functions(enum site_form form)
{
	return form == SITE_CALL_FUNC || form == SITE_NOP5_CALL;
}

/*
 * What a function returns to. The displacement is that of a jump over so many INT3s, and no
 * instruction in 64-bit mode: who returns one byte off does not get away with it.
 */
#define RETURN_GAP_BYTES 6
#define JMP32_BYTES 5

static void emit_return_to(struct assembler *a)
{
	u64 behind = asm_here(a) + JMP32_BYTES + RETURN_GAP_BYTES;

	asm_jmp(a, ASM_NEAR, behind);
	asm_fill_to(a, behind);
}

void cell_emit_hot(struct assembler *a, enum site_form form, struct cell *cell)
{
	cell->site = asm_here(a);
	emit_old_form(a, form, cell);
	if (cell_has_functions(form))
		emit_return_to(a);
	if (form != SITE_CALL_FUNC)
		count_old(a);
	asm_nops_to(a, cell->next);
}

void cell_emit_functions(struct assembler *a, const struct cell *cell)
{
	asm_fill_to(a, cell->old);
	count_old(a);
	asm_ret(a);
	asm_fill_to(a, cell->new);
	count_new(a);
	asm_ret(a);
}

/* The bytes of both forms of one site, as they would stand at its address. */
int cell_site_bytes(struct site *site, enum site_form form, const struct cell *cell)
{
	struct assembler a;

	site->addr = (u8 *)cell->site;
	site->len = forms[form].len;
	asm_begin(&a, site->old, sizeof(site->old), cell->site);
	emit_old_form(&a, form, cell);
	if (a.error || a.len != site->len)
		return a.error ? a.error : -ERR_CORRUPT;
	asm_begin(&a, site->new, sizeof(site->new), cell->site);
	emit_new_form(&a, form, cell);
	return a.error || a.len == site->len ? a.error : -ERR_CORRUPT;
}
