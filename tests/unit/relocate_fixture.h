/* SPDX-License-Identifier: MIT */
/*
 * Relocation without running anything: a block of exactly its size, and the forms of displacement.
 */
#ifndef SMPOKE_TESTS_RELOCATE_FIXTURE_H
#define SMPOKE_TESTS_RELOCATE_FIXTURE_H

#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "relocate.h"

#define BLOCK_MAX 64
#define B(...) .bytes = { __VA_ARGS__ }, .len = sizeof((u8[]){ __VA_ARGS__ })

/* Nothing is there: an address that is read would end the test. */
#define SITE 0x7000000000ul

/* What became of a block: the error, and for a refusal what was said about it. */
struct relocated {
	int err;
	u8 bytes[BLOCK_MAX];
	struct relocation_refusal refusal;
};

/*
 * Relocate @len bytes by @moved, in a block of exactly their size, so that ASan sees one byte of
 * padding being read or written. What fails may have changed nothing, what works has no refusal.
 */
static inline struct relocated relocate(const u8 *bytes, size_t len, s64 moved)
{
	struct relocation_refusal untouched;
	struct relocated ret = { 0 };
	u8 *block = malloc(len ? len : 1);
	size_t site_len = len + 7;

	memcpy(block, bytes, len);
	memset(&untouched, 0x5A, sizeof(untouched));
	ret.refusal = untouched;
	ret.err = text_poke_apply_relocation(block, (u8 *)SITE, site_len, (u8 *)(SITE + (u64)moved),
					     len, &ret.refusal);
	if (ret.err)
		assert_memory_equal(block, bytes, len);
	else
		assert_memory_equal(&ret.refusal, &untouched, sizeof(untouched));
	memcpy(ret.bytes, block, len);
	/* Whoever wants no reason gets the same answer. */
	memcpy(block, bytes, len);
	assert_int_equal(text_poke_apply_relocation(block, (u8 *)SITE, site_len,
						    (u8 *)(SITE + (u64)moved), len, NULL),
			 ret.err);
	assert_memory_equal(block, ret.bytes, len);
	free(block);
	return ret;
}

/* One instruction with a displacement: @bytes of it are at @at. */
struct form {
	const char *what;
	u8 bytes[INSN_MAX_BYTES];
	u8 len;
	u8 at, width;
};

/* E9 without prefixes may shrink and has tests of its own. */
static const struct form forms[] = {
	{ "jo rel8", B(0x70, 0), 1, 1 },
	{ "jnl rel8", B(0x7D, 0), 1, 1 },
	{ "jg rel8", B(0x7F, 0), 1, 1 },
	{ "jmp rel8", B(0xEB, 0), 1, 1 },
	{ "cs jz rel8", B(0x2E, 0x74, 0), 2, 1 },
	{ "ds jz rel8", B(0x3E, 0x74, 0), 2, 1 },
	{ "bnd jmp rel8", B(0xF2, 0xEB, 0), 2, 1 },
	{ "jo rel32", B(0x0F, 0x80, 0, 0, 0, 0), 2, 4 },
	{ "jg rel32", B(0x0F, 0x8F, 0, 0, 0, 0), 2, 4 },
	{ "bnd jz rel32", B(0xF2, 0x0F, 0x84, 0, 0, 0, 0), 3, 4 },
	{ "cs jz rel32", B(0x2E, 0x0F, 0x84, 0, 0, 0, 0), 3, 4 },
	{ "call rel32", B(0xE8, 0, 0, 0, 0), 1, 4 },
	{ "bnd call rel32", B(0xF2, 0xE8, 0, 0, 0, 0), 2, 4 },
	{ "rex.w call rel32", B(0x48, 0xE8, 0, 0, 0, 0), 2, 4 },
	{ "bnd jmp rel32", B(0xF2, 0xE9, 0, 0, 0, 0), 2, 4 },
	{ "cs jmp rel32", B(0x2E, 0xE9, 0, 0, 0, 0), 2, 4 },
	{ "rex jmp rel32", B(0x40, 0xE9, 0, 0, 0, 0), 2, 4 },
	{ "cs bnd jmp rel32", B(0x2E, 0xF2, 0xE9, 0, 0, 0, 0), 3, 4 },
	{ "mov rax, [rip]", B(0x48, 0x8B, 0x05, 0, 0, 0, 0), 3, 4 },
	{ "mov [rip], r15", B(0x4C, 0x89, 0x3D, 0, 0, 0, 0), 3, 4 },
	{ "lea rdi, [rip]", B(0x48, 0x8D, 0x3D, 0, 0, 0, 0), 3, 4 },
	{ "call [rip]", B(0xFF, 0x15, 0, 0, 0, 0), 2, 4 },
	{ "jmp [rip]", B(0xFF, 0x25, 0, 0, 0, 0), 2, 4 },
	{ "push [rip]", B(0xFF, 0x35, 0, 0, 0, 0), 2, 4 },
	{ "lock inc [rip]", B(0xF0, 0x48, 0xFF, 0x05, 0, 0, 0, 0), 4, 4 },
	{ "gs mov eax, [rip]", B(0x65, 0x8B, 0x05, 0, 0, 0, 0), 3, 4 },
	{ "mov eax, [eip]", B(0x67, 0x8B, 0x05, 0, 0, 0, 0), 3, 4 },
	{ "nop [rip]", B(0x0F, 0x1F, 0x05, 0, 0, 0, 0), 3, 4 },
	/* With an immediate behind it the displacement does not end where the instruction does. */
	{ "cmp byte [rip], 7", B(0x80, 0x3D, 0, 0, 0, 0, 7), 2, 4 },
	{ "add qword [rip], 1", B(0x48, 0x83, 0x05, 0, 0, 0, 0, 1), 3, 4 },
	{ "mov dword [rip], imm32", B(0xC7, 0x05, 0, 0, 0, 0, 1, 2, 3, 4), 2, 4 },
	{ "mov word [rip], imm16", B(0x66, 0xC7, 0x05, 0, 0, 0, 0, 1, 2), 3, 4 },
	{ "test qword [rip], imm32", B(0x48, 0xF7, 0x05, 0, 0, 0, 0, 1, 2, 3, 4), 3, 4 },
	{ "imul eax, [rip], imm32", B(0x69, 0x05, 0, 0, 0, 0, 1, 2, 3, 4), 2, 4 },
	{ "shld [rip], eax, 3", B(0x0F, 0xA4, 0x05, 0, 0, 0, 0, 3), 3, 4 },
	{ "movaps xmm0, [rip]", B(0x0F, 0x28, 0x05, 0, 0, 0, 0), 3, 4 },
	{ "pinsrd xmm0, [rip], 2", B(0x66, 0x0F, 0x3A, 0x22, 0x05, 0, 0, 0, 0, 2), 5, 4 },
	{ "vmovdqu ymm0, [rip]", B(0xC5, 0xFE, 0x6F, 0x05, 0, 0, 0, 0), 4, 4 },
	{ "vmovdqu64 zmm0, [rip]", B(0x62, 0xF1, 0xFE, 0x48, 0x6F, 0x05, 0, 0, 0, 0), 6, 4 },
};

static inline void put_displacement(u8 *to, s64 value, u8 width)
{
	memcpy(to, &value, width);
}

/* @before and @after are displacements, the form stands at @lead; all else must stay. */
static inline void expect_moved(const struct form *form, size_t lead, size_t trail, s64 moved,
				s64 before, s64 after)
{
	u8 bytes[BLOCK_MAX], wanted[BLOCK_MAX];
	size_t len = lead + form->len + trail;
	struct relocated done;

	memset(bytes, 0x90, sizeof(bytes));
	memcpy(bytes + lead, form->bytes, form->len);
	memcpy(wanted, bytes, sizeof(wanted));
	put_displacement(bytes + lead + form->at, before, form->width);
	put_displacement(wanted + lead + form->at, after, form->width);
	done = relocate(bytes, len, moved);
	expect(form->what, !done.err);
	expect(form->what, !memcmp(done.bytes, wanted, len));
}

#endif
