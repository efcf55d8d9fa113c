/* SPDX-License-Identifier: MIT */
/*
 * A 2006 table as the assembler would make it: a spinlock and a semaphore, whose bodies have one
 * form for one CPU and one for more. Sites lie in the text of the sim machine, all else in data.
 */
#ifndef SMPOKE_TESTS_ALTINSTR_FIXTURE_H
#define SMPOKE_TESTS_ALTINSTR_FIXTURE_H

#include <string.h>

#include "sim_machine.h"
#include "smp_altinstr.h"
#include "text_patching.h"

enum fixture_site {
	SPIN_LOCK,
	SEMAPHORE_DOWN,
	SEMAPHORE_UP,
	NR_FIXTURE_SITES,
};

#define SITE_MAX 16
#define SPIN_LOCK_OFFSET 0x40
#define DOWN_OFFSET 0x80
#define UP_OFFSET 0x1000
#define SLOW_OFFSET 0x2000 /* returns SLOW_RESULT; the others return 0 */
#define SLOW_RESULT 42

/* A record of zeros pads the page. */
static struct smp_altinstr instrs[NR_FIXTURE_SITES + 1];
static u8 up_forms[NR_FIXTURE_SITES][SITE_MAX];
static u8 saved[NR_FIXTURE_SITES][SITE_MAX];

static const u8 return_0[] = { 0x31, 0xC0, 0xC3 };

/* The five bytes behind 0F of a Jcc rel32 to the slow path, which is to run at @at. */
static void jcc_to_slow(u8 *insn, const u8 *at, u8 opcode)
{
	s32 rel = (s32)(sim_text + SLOW_OFFSET - (at + JCC32_INSN_SIZE));

	insn[0] = 0x0F;
	insn[1] = opcode;
	memcpy(insn + 2, &rel, sizeof(rel));
}

static void put_record(enum fixture_site i, u8 *site, u8 len, u8 up_len)
{
	struct smp_altinstr *entry = &instrs[i];

	entry->instr_offset = (s32)(site - (u8 *)&entry->instr_offset);
	entry->replacement_offset = (s32)(up_forms[i] - (u8 *)&entry->replacement_offset);
	entry->saved_offset = (s32)(saved[i] - (u8 *)&entry->saved_offset);
	entry->instrlen = len;
	entry->replacementlen = up_len;
}

/* lock decb (%rdi); jns out; again: pause; cmpb $0,(%rdi); jle again; jmp start. UP: decb (%rdi) */
static void put_spin_lock(void)
{
	static const u8 smp[] = { 0xF0, 0xFE, 0x0F, 0x79, 0x09, 0xF3, 0x90,
				  0x80, 0x3F, 0x00, 0x7E, 0xF9, 0xEB, 0xF2 };
	u8 *site = sim_put(SPIN_LOCK_OFFSET, smp, sizeof(smp));

	sim_put(SPIN_LOCK_OFFSET + sizeof(smp), return_0, sizeof(return_0));
	memcpy(up_forms[SPIN_LOCK], (const u8[]){ 0xFE, 0x0F }, 2);
	put_record(SPIN_LOCK, site, sizeof(smp), 2);
}

/* lock decl or incl (%rdi); js or jle slow. UP: the same without LOCK */
static void put_semaphore(enum fixture_site i, size_t offset, u8 modrm, u8 jcc)
{
	u8 smp[] = { 0xF0, 0xFF, modrm, 0, 0, 0, 0, 0, 0 };

	jcc_to_slow(smp + 3, sim_text + offset + 3, jcc);
	up_forms[i][0] = 0xFF;
	up_forms[i][1] = modrm;
	jcc_to_slow(up_forms[i] + 2, up_forms[i] + 2, jcc);
	put_record(i, sim_put(offset, smp, sizeof(smp)), sizeof(smp), 8);
	sim_put(offset + sizeof(smp), return_0, sizeof(return_0));
}

/* Return: the table, every site in SMP form, nothing saved. */
static struct smp_altinstr_table put_altinstrs(void)
{
	static const u8 slow[] = { 0xB8, SLOW_RESULT, 0, 0, 0, 0xC3 };

	memset(instrs, 0, sizeof(instrs));
	memset(up_forms, 0x42, sizeof(up_forms));
	memset(saved, 0x42, sizeof(saved));
	sim_put(SLOW_OFFSET, slow, sizeof(slow));
	put_spin_lock();
	put_semaphore(SEMAPHORE_DOWN, DOWN_OFFSET, 0x0F, 0x88);
	put_semaphore(SEMAPHORE_UP, UP_OFFSET, 0x07, 0x8E);
	return (struct smp_altinstr_table){
		.start = instrs,
		.end = instrs + NR_FIXTURE_SITES + 1,
		.text = sim_text,
		.text_end = sim_text + SIM_TEXT_BYTES,
		.up = up_forms[0],
		.up_end = up_forms[NR_FIXTURE_SITES],
		.saved = saved[0],
		.saved_end = saved[NR_FIXTURE_SITES],
	};
}

/* Where a Jcc rel32 at @insn leads. */
static const u8 *target_of(const u8 *insn)
{
	s32 rel;

	memcpy(&rel, insn + 2, sizeof(rel));
	return insn + JCC32_INSN_SIZE + rel;
}

static void expect_up_forms(void)
{
	/* decb (%rdi), and twelve bytes of a short jump over INT3s */
	static const u8 spin_lock[] = { 0xFE, 0x0F, 0xEB, 0x0A, 0xCC, 0xCC, 0xCC,
					0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC };
	const u8 *down = sim_text + DOWN_OFFSET, *up = sim_text + UP_OFFSET;

	assert_memory_equal(sim_text + SPIN_LOCK_OFFSET, spin_lock, sizeof(spin_lock));
	assert_memory_equal(down, ((const u8[]){ 0xFF, 0x0F, 0x0F, 0x88 }), 4);
	assert_memory_equal(up, ((const u8[]){ 0xFF, 0x07, 0x0F, 0x8E }), 4);
	assert_ptr_equal(target_of(down + 2), sim_text + SLOW_OFFSET);
	assert_ptr_equal(target_of(up + 2), sim_text + SLOW_OFFSET);
	assert_int_equal(down[8], 0x90);
	assert_int_equal(up[8], 0x90);
}

#endif
