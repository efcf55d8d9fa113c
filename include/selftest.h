/* SPDX-License-Identifier: MIT */
/*
 * What must hold before text is patched, and after the first time it was: INT3 is delivered and a
 * call can be emulated, and replacements arrive relocated.
 *
 * Both run a few instructions that only a machine can supply, or a code region made at run time;
 * core has no assembler of its own. What is judged, and by what, stands here.
 */
#ifndef SMPOKE_SELFTEST_H
#define SMPOKE_SELFTEST_H

#include "types.h"

/**
 * struct int3_selftest_code - code that passes through an INT3
 * @site: the INT3, with four NOPs behind it: where a CALL of five bytes could stand
 * @run: goes through @site once, as if there were the call: with @arg in RDI, the stack aligned,
 *	and nothing kept in registers that a call may change; then it returns, by a frame pointer,
 *	so that a call emulated wrongly comes back to be judged
 *
 * Text is not changed, so @site need not be registered.
 */
struct int3_selftest_code {
	const u8 *site;
	void (*run)(void *arg);
};

/**
 * int3_selftest() - does an INT3 come to the hook, and does an emulated CALL return to its place?
 *
 * Borrows the #BP hook: on an INT3 at @code->site, a call of a function of ours is emulated by the
 * same int3_emulate() as in a batch, which needs room below the interrupted stack pointer.
 * Context: boot CPU, IDT or signals in place, nothing queued and no other CPU in patched text.
 * Return: 0; -ERR_FAULT when the INT3 came to nobody, or code ran into a trap; -ERR_VERIFY when the
 * function did not run exactly once, or on another argument.
 */
int int3_selftest(const struct int3_selftest_code *code);

/*
 * What alt_reloc_selftest() has code name relative to RIP, and whom it has it tell. The code is a
 * site with nothing in it but padding, and its replacement
 *
 *	lea alt_reloc_selftest_object(%rip), %rdi
 *	call __alt_reloc_selftest
 *
 * so that the second instruction has to be relocated, too.
 */
extern const u8 alt_reloc_selftest_object;
void __alt_reloc_selftest(const void *object);

/**
 * alt_reloc_selftest() - does a replacement find what it names from where it was put?
 * @run: code with that site, after alternatives have been applied to it; then it returns
 *
 * Context: boot CPU. Return: 0; -ERR_FAULT when a trap ended it; -ERR_VERIFY when
 * __alt_reloc_selftest() was not told about alt_reloc_selftest_object exactly once: the site was
 * not patched, or not relocated.
 */
int alt_reloc_selftest(void (*run)(void *unused));

#endif
